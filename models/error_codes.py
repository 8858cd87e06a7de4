"""Every error code that a user can meet, with its usual cause and its remedy: the one table.

``docs/reference/errors.md`` is generated from it (``make reference``). To add an error: an entry here, and
``raise UserError(message, code="...")`` where it is found. Codes are stable: scripts may test for them.
"""

from typing import NamedTuple


class ErrorCode(NamedTuple):
    """What an error code stands for: phrases for the documentation."""

    cause: str
    remedy: str


CODES: dict[str, ErrorCode] = {
    # The rooms: command line and configuration (config-), images and lists (data-), pushed models and serving folders
    # (model-), training and weights (train-), servers and clients (serve-), the cluster (kubeflow-), Beam (beam-).
    # Command line and configuration.
    "config-unknown-key": ErrorCode(
        "a section or key of the configuration is misspelt or does not exist",
        "use the suggested key, or list all of them: siamese config",
    ),
    "config-invalid-value": ErrorCode(
        "a value has the wrong type, is out of range, or is inconsistent with other keys",
        "choose a value that the message allows; siamese config SECTION lists them",
    ),
    "config-not-yaml": ErrorCode("the configuration file is not a YAML table of sections", "correct the YAML"),
    "config-unreadable": ErrorCode("the configuration file is missing or cannot be read", "check the path of --config"),
    "config-invalid-override": ErrorCode(
        "--set is not KEY=VALUE, or its value is not YAML", "write for example --set training.epochs=20"
    ),
    "config-invalid-option": ErrorCode("the value of an option is malformed", "write it as the message shows"),
    "config-conflicting-options": ErrorCode("two options exclude each other", "leave one of them out"),
    "config-file-exists": ErrorCode("the file to write exists already", "choose another file, or give --force"),
    "config-not-writable": ErrorCode(
        "a file or folder cannot be created or written to", "check the path, its permissions and the free space"
    ),
    "config-no-output-folder": ErrorCode("nothing has run in the folder of --output", "give the folder of the runs"),
    "config-output-locked": ErrorCode(
        "another run is in progress in the same output folder", "wait for it, or give another --output"
    ),
    # Images and lists of pairs.
    "data-not-found": ErrorCode("the file or folder of images does not exist", "check the path"),
    "data-no-images": ErrorCode("no readable image was found", "check the path and the formats of the images"),
    "data-unreadable-image": ErrorCode(
        "an image is missing, damaged or in an unknown format", "replace the image, or take it from the list"
    ),
    # Pushed models and serving folders.
    "model-not-found": ErrorCode(
        "--model has no version of a model, or none that loads", "give a serving folder, or a version in it"
    ),
    "model-not-servable": ErrorCode(
        "the SavedModel is damaged or not one of this pipeline", "push the model again, or serve another version"
    ),
    "model-unknown-run": ErrorCode(
        "nothing serves, or the serving version was not pushed by a known run", "name a run of siamese runs"
    ),
    # Training and weights.
    "train-weights-not-found": ErrorCode("the file of encoder.weights does not exist", "check the path"),
    "train-weights-unusable": ErrorCode(
        "encoder.weights cannot be downloaded, or are of another network",
        "give weights of encoder.backbone without its top",
    ),
    # Servers and their clients.
    "serve-no-answer": ErrorCode("no server answers at the address of --model", "check that it runs, and the address"),
    "serve-invalid-answer": ErrorCode("the server's model is not one of this pipeline", "check the name of the model"),
    "serve-refused": ErrorCode("the server refused the request", "see the reason in the message"),
    "serve-port-unavailable": ErrorCode(
        "the port is in use, or the address is not one of this machine", "choose another --port or --host"
    ),
    # The cluster.
    "kubeflow-no-pipeline": ErrorCode("there is nothing to submit", "give a compiled file or --config"),
    "kubeflow-no-pipeline-root": ErrorCode(
        "the address for artifacts is unknown", "give --pipeline-root, or set kubeflow.pipeline_root"
    ),
    "kubeflow-not-runnable": ErrorCode(
        "the backend would refuse the compiled file or fail to run it", "correct the findings, or give --no-check"
    ),
    "kubeflow-invalid-schedule": ErrorCode(
        "a time, interval or time zone of a schedule is malformed or inconsistent", "write it as the message shows"
    ),
}
