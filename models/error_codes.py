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
    "train-weights": ErrorCode(
        "The pretrained weights of a backbone cannot be read or downloaded, or belong to another network.",
        "Set encoder.weights to a file of the same network (include_top=False), a URL, imagenet or none.",
    ),
    "train-tf-config": ErrorCode(
        "TF_CONFIG is not the JSON of a cluster, or does not name this host.",
        "Set TF_CONFIG as TensorFlow describes it, with another index on each host, before the process starts.",
    ),
    "train-host-missing": ErrorCode(
        "A worker did not join within training.join_minutes.",
        "Run siamese join with the same output folder on the host that is named.",
    ),
    "train-host-refused": ErrorCode(
        "Another host refused the run, or its training ended with a user error.",
        "Fix the error on the host that is named; all hosts need the same code, weights and paths.",
    ),
    "train-disk-full": ErrorCode(
        "The disk of the artifacts cannot hold the pixels of the splits.",
        "Free disk space, or set training.in_memory: on.",
    ),
    "train-batch-too-small": ErrorCode(
        "More devices share a training step than it has identities or pairs for.",
        "Raise training.batch, or use fewer devices.",
    ),
    "train-tuner-hosts": ErrorCode(
        "The Tuner was started on several hosts.",
        "Tune without TF_CONFIG, or set tuner.trials to 0.",
    ),
}
