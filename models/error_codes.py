"""Every error code that a user can meet, with its usual cause and its remedy: the one table.

``docs/reference/errors.md`` is generated from it (``make reference``). To add an error: an entry here, and
``raise UserError(message, code="...")`` where it is found. Codes are stable: scripts may test for them.

A code stands for exit code 2, or for 1 where ``(exit code 1)`` follows it: the input is not to blame, or not alone.
``(may pass)`` follows where the cause may pass by itself: on a cluster another attempt may succeed.
"""

from typing import NamedTuple

from models.errors import ExitCode


class ErrorCode(NamedTuple):
    """What an error code stands for: phrases for the documentation."""

    cause: str
    remedy: str
    exit_code: ExitCode
    may_pass: bool  # by itself, without a change of the input


_FAILED, _MAY_PASS = " (exit code 1)", " (may pass)"

# ``code: cause -> remedy``, sorted; an indented line continues the one before.
_TABLE = """
beam-no-answer: a server that an option of Beam names does not answer: job service, pool of workers, or cluster
  -> start it, or correct the address; `beam.check_workers=false` for a pool that only the cluster reaches
beam-no-job-server: Java, or the jar of the job server that Beam would start, is missing
  -> install Java, name the jar of the installed Beam, or a job server that runs (`--job_endpoint`)
beam-option: an option that the runner needs is missing or malformed -> add what the message names to `--beam`
beam-refused-runner: a runner that computes wrongly, cannot be imported, or does not see the artifacts of a run
  -> take `FlinkRunner`, `SparkRunner`, or `PortableRunner` with a job service
beam-unknown-runner: `beam.runner` (or `--beam`) names no runner that this Beam has
  -> take a runner's name or the full name of its class, e.g. `FlinkRunner`, and install what it needs
beam-versions: workers, job server or cluster have other versions than the process that starts the run
  -> run all from one release: for workers the image, for the job server the jar of the installed Beam
beam-workers: Beam's workers do not begin, cannot load this package, or do not see the folder of artifacts
  -> see their log; they need this package, in the same Python, and the output folder at the same path
config-conflicting-options: two options exclude each other -> leave one of them out
config-damaged-metadata: the metadata store of an output folder is damaged, or cannot be read
  -> move it away with the command of the message: the next run makes a new one, and every artifact again
config-damaged-summary: a run's summary.json cannot be read -> restore the file, or run again
config-empty: an option, a key or a path is empty, often because a variable of the shell is not set
  -> set the variable, or leave the option out
config-file-exists: the file to write exists already -> choose another file, or give --force
config-invalid-option: the value of an option is malformed -> write it as the message shows
config-invalid-override: --set is not KEY=VALUE, or its value is not YAML -> write for example --set training.epochs=20
config-invalid-value: a value has the wrong type, is out of range, or is inconsistent with other keys
  -> choose a value that the message allows; siamese config SECTION lists them
config-no-output-folder: nothing has run in the folder of --output -> give the folder of the runs
config-no-runs: the output folder holds no metadata store
  -> run `siamese run` first, or give --output the folder of an earlier run
config-not-writable: a file or folder cannot be created or written to
  -> check the path, its permissions and the free space
config-not-yaml: the configuration file is not a YAML table of sections -> correct the YAML
config-optimized: Python runs without docstrings (PYTHONOPTIMIZE=2, python -OO), which Apache Beam needs
  -> unset the variable
config-output-is-data: the output folder is the folder of the images -> choose another folder, also one among the images
config-output-gone: the output folder was removed or moved while a run was in progress -> start the same run again
config-output-locked: another run is in progress in the same output folder -> wait for it, or give another --output
config-unknown-key: a section or key of the configuration is misspelt or does not exist
  -> use the suggested key, or list all of them: siamese config
config-unknown-run: no run of that name lies under the output folder -> list the runs with `siamese runs`
config-not-text: an argument is no UTF-8 text, so that it can be no path in a record of TFX
  -> rename the folder, or give the name of a link to it
config-unreadable: the configuration file is missing or cannot be read -> check the path of --config
data-anomalies: the images, or their features, do not match the schema: the message names split and feature
  -> fix the data, or review the schema (data.schema_file)
data-archive-damaged: an archive is damaged, not completely copied, or neither zip nor tar -> copy or pack it again
data-archive-refused: an entry of an archive leads out of it, or its content is far larger than images can be
  -> pack the images again, by relative paths and without links
data-bad-schema: the reviewed schema is not one of image Examples in text format
  -> make one with `siamese schema`, and edit that
data-disk-space (may pass): the images do not fit on the disk
  -> free disk space, or choose another output folder or `TMPDIR`
data-drift: the new images differ from those of the span before, or val or test from train, by more than is allowed
  -> check the data; if the change is intended, raise data.validation.drift or data.validation.skew
data-folder-missing: the folder of the images does not exist -> correct `--data` or `data.source`
data-group-missing: `data.split.by: group`, but an image has no group
  -> put the identities into folders of groups, or fill the manifest's column `group`
data-image-repeated: an image id occurs twice in a split
  -> make the images again: remove the artifacts of ImageExampleGen
data-label-conflicts: the same image lies under two identities, and `data.conflicts` is `stop`
  -> remove the wrong copies, or set `data.conflicts: drop`
data-manifest: lines of a manifest are wrong -> correct the lines that the message names
data-no-genuine-pair: no identity of a split has two images
  -> add images to its identities, or change what the message names: each was found to help
data-no-images: no image lies where the layout or the manifest has it
  -> correct `--data`, `data.layout` or the manifest's paths
data-no-impostor-pair: the limits of `pairs` leave no impostor pair in a split
  -> raise `pairs.max_per_image` or `pairs.max_per_identity`
data-no-records: an artifact of images holds no TFRecord files -> run the pipeline again
data-not-csv: a manifest or a list of pairs is not CSV -> correct the line, often a quotation mark
data-not-found: the file or folder of images does not exist -> check the path
data-not-utf8: a manifest or a list of pairs is not UTF-8 -> save it as UTF-8
data-pair-list: lines of a list of pairs are wrong, or name images that do not exist
  -> correct the lines that the message names
data-pair-list-empty: a list of pairs holds no pairs -> add genuine and impostor pairs
data-pair-list-one-sided: a list of pairs has no genuine or no impostor pairs whose images are in the split
  -> add pairs of both kinds, or see `quarantine.csv` for images that were not used
data-records-compressed: an artifact of images holds compressed TFRecord files -> write them without compression
data-rejected: the images cannot be used for a run -> see `quarantine.csv` of the run
data-span-ambiguous: two names have the same span number -> remove or rename one
data-span-missing: nothing matches an address with `{SPAN}` -> correct the address, or add the data
data-span-pattern: an address with `{SPAN}` is malformed -> write `{SPAN}` or `{SPAN:WIDTH}` once
data-split-conflict: splits set by the user separate what must stay together
  -> give it one split, or set `data.split.by: image`
data-split-folders: folders such as `train` and `test` lie where identities or groups are expected
  -> put a folder for each identity into each of them, and set `data.layout: identity`
data-split-empty: a split has no images -> raise its share in `data.split`, or add images
data-split-overlap: the same image, by name or by content, is in two splits -> remove the duplicates, or split again
data-too-few-identities: a split has fewer than two identities -> add identities, or change `data.split` or `seed`
data-too-many-unusable: more images cannot be used than `data.max_quarantined` allows -> see `quarantine.csv` of the run
data-unreachable (may pass): the object store of the images or lists cannot be reached, or stops answering
  -> check that the store runs, the address, AWS_ENDPOINT_URL and the network, then start the same run again
data-unreadable (may pass): a file or folder cannot be read -> check that it exists, and its permissions
data-unreadable-image: an image is missing, damaged or in an unknown format
  -> replace the image, or take it from the list
kubeflow-check-failed: A check of the compiled pipeline found what the backend would refuse or fail to run.
  -> Change the setting that each line names; `siamese kubeflow check FILE` repeats the check.
kubeflow-data-source: `data.source` is not set, or is only on this machine.
  -> Set it to `gs://`, `s3://`, or a folder of a volume in `kubeflow.volumes`.
kubeflow-exists: The server already has an object of that name (HTTP 409).
  -> Choose another name, or delete the existing object.
kubeflow-file-not-a-pipeline: The file is not YAML, or not a compiled pipeline.
  -> Compile one: `siamese kubeflow compile --config FILE`.
kubeflow-file-unreadable: A file that the command needs does not exist or cannot be read.
  -> Correct the path, or the permissions of the file.
kubeflow-file-unwritable: The compiled pipeline cannot be written to that path.
  -> Choose another path with `--output`, or correct the permissions.
kubeflow-folder-not-mounted: A folder in the configuration is in no volume that the node's pod mounts.
  -> Add the volume to `kubeflow.volumes`, for that node, or use an object store.
kubeflow-invalid-schedule: a time, interval or time zone of a schedule is malformed or inconsistent
  -> write it as the message shows
kubeflow-no-address: No server is configured, or its address is not a URL.
  -> Set `--host`, `kubeflow.host` or `KF_PIPELINES_ENDPOINT`, such as `http://localhost:8080`.
kubeflow-no-client: The environment with the Kubeflow SDK is missing. -> Run `make kubeflow-client`.
kubeflow-no-connection: The server's host is unknown, or does not accept connections.
  -> Check the address, the proxy, and that `kubectl port-forward` runs.
kubeflow-no-image: No container image is configured. -> Set `--image` or `kubeflow.image`.
kubeflow-no-namespace: A multi-user server needs a namespace. -> Set `--namespace` or `kubeflow.namespace`.
kubeflow-no-outcome: the run succeeded, but its pipeline root has neither its report nor its outcome
  -> check the pipeline root (--pipeline-root), and whether its objects were deleted
kubeflow-no-pipeline: there is nothing to submit -> give a compiled file or --config
kubeflow-no-pipeline-root: the address for artifacts is unknown -> give --pipeline-root, or set kubeflow.pipeline_root
kubeflow-no-serving-folder: `push.serving_dir` is not set.
  -> Set it to `gs://`, `s3://`, or a folder of a volume in `kubeflow.volumes`.
kubeflow-no-tls: The TLS connection failed, or the server's certificate is not trusted.
  -> Set `kubeflow.connection.ca_file`, or use the scheme that the server speaks.
kubeflow-not-allowed: The account may not do this on the server (HTTP 403).
  -> Ask the cluster's administrator for the permission, or use another namespace.
kubeflow-not-found: The server has no such run or pipeline (HTTP 404). -> Check the id and the namespace.
kubeflow-not-logged-in: The server needs credentials (HTTP 401), or a login page answered.
  -> Set `SIAMESE_KFP_TOKEN`, `KF_PIPELINES_SA_TOKEN_PATH` or `SIAMESE_KFP_COOKIES`.
kubeflow-not-runnable: the backend would refuse the compiled file or fail to run it
  -> correct the findings, or give --no-check
kubeflow-parameter: A `--parameter` is not `NAME=VALUE`, is unknown, or has the wrong type.
  -> Use a parameter that the message lists, with a value of its type.
kubeflow-pipeline-root: The pipeline root is missing, or not in an object store.
  -> Set `--pipeline-root` or `kubeflow.pipeline_root` to `gs://`, `s3://` or `minio://`.
kubeflow-request-refused: The server refused the request (HTTP 400). -> Change the value that the message names.
kubeflow-root-unreadable: the pipeline root cannot be read from this machine
  -> set the credentials of the object store, and AWS_ENDPOINT_URL for one that is not Amazon's
kubeflow-schedule-of-another-pipeline: A schedule of that name runs another pipeline.
  -> Choose another name, or delete the schedule.
kubeflow-server-error (exit code 1): the Kubeflow server answered with an error, or broke off
  -> see the message and the logs of the server; repeat the command
kubeflow-serving-validator: `serving_validator.runtime` cannot be compiled for Kubeflow. -> Set it to `process`.
kubeflow-unknown-node: A key of `kubeflow` names a node that the pipeline does not have.
  -> Use one of the nodes that the message lists.
kubeflow-unknown-schedule: The server has no schedule of that name.
  -> List the schedules: `siamese kubeflow schedule list`.
disk-full (may pass): the disk, its quota or the limit on files is reached, it fails, or is read-only
  -> free some space, or give another --output, and start the same run again: finished components are reused
memory-exhausted (exit code 1): the memory of the machine, of its limits or of the GPU ran out
  -> end other programs, or take smaller batches (training.batch), images or encoder; then start the same run again
model-already-serves: the version holds the model that serves -> choose another version
model-bad-url: the address of the serving folder is neither a path nor a known kind of URL
  -> write a path, gs://..., or s3://...
model-damaged: files of the version are missing or differ from what was pushed
  -> restore an earlier version with `siamese rollback`
model-damaged-candidate (exit code 1): the trained model cannot be loaded again
  -> run again; if it happens again, see log.txt
model-disk-full (may pass): the disk of the serving folder has no room for the model
  -> free some space, or set push.serving_dir to another disk
model-folder-is-file: the serving folder, or a folder above it, is a file -> name a folder
model-no-credentials: the object store of the serving folder accepts no credentials from this process
  -> log in to the store as its library asks, and try again
model-no-earlier-version: no other model that served before is still in the serving folder -> choose a version with --to
model-not-comparable: the model that serves cannot score the pairs of this pipeline
  -> serve another version with `siamese rollback`, or set gates.ignore_baseline
model-not-found: --model has no version of a model, or none that loads -> give a serving folder, or a version in it
model-not-mounted: the command needs a folder on a mounted file system -> name a path, or mount the bucket
model-not-ours: the folder holds no model of this pipeline: its manifest is missing
  -> name a version in the serving folder, as serving/<version>
model-not-servable: the SavedModel is damaged or not one of this pipeline
  -> push the model again, or serve another version
model-not-writable: this user may not write to (or read) the serving folder
  -> give the user the right, or set push.serving_dir elsewhere
model-nothing-served: the serving folder holds no version -> push a model first
model-store-library: the library for this kind of object store is not installed
  -> install the extra that the message names
model-store-replaces: the object store of the serving folder has no conditional writes: it ignores If-None-Match
  -> use a store that has them (Amazon's, Google's, MinIO, SeaweedFS from 3.97), or a folder on a disk
model-threshold-target: the target of calibration cannot be measured on so few validation pairs
  -> ask for a less strict calibration.value, or give more images or pairs
model-unknown-run: nothing serves, or the serving version was not pushed by a known run -> name a run of siamese runs
model-unknown-version: the serving folder holds no such version -> choose one that the message lists
model-unreachable (may pass): the object store or the bucket cannot be reached -> check the URL and the network
model-version-limit: a version has the highest possible number -> remove that version; a push takes the next higher one
serve-invalid-answer: the server's model is not one of this pipeline -> check the name of the model
serve-no-answer: no server answers at the address of --model -> check that it runs, and the address
serve-no-platform: serving_validator.runtime asks for Docker or Kubernetes, and neither is available
  -> start Docker, or set serving_validator.runtime to process
serve-port-unavailable: the port is in use, or the address is not one of this machine -> choose another --port or --host
serve-refused: the server refused the request -> see the reason in the message
system-error (may pass): a file, a folder or the memory is not as any command expects it
  -> the message names the file and what the system reported; correct that
train-batch-too-small: More devices share a training step than it has identities or pairs for.
  -> Raise training.batch, or use fewer devices.
train-collapsed (exit code 1): the encoder has mapped all images to one point
  -> lower training.learning_rate, lengthen training.warmup, or take loss.name: contrastive
train-disk-full (may pass): The disk of the artifacts cannot hold the pixels of the splits.
  -> Free disk space, or set training.in_memory: on.
train-host-missing: A worker did not join within training.join_minutes.
  -> Run siamese join with the same output folder on the host that is named.
train-host-refused: Another host refused the run, or its training ended with a user error.
  -> Fix the error on the host that is named; all hosts need the same code, weights and paths.
train-hosts: `TF_CONFIG` does not fit the command: a run belongs to the chief, `siamese join` to the workers
  -> run the command that the message shows on this host
train-hosts-tuner: the trials of a Tuner are asked for where several hosts train
  -> tune on one host, or set `tuner.trials: 0`
train-not-calibrated (exit code 1): no operating threshold can be chosen from the validation pairs
  -> see the message: more validation pairs, or another calibration.objective
train-not-finite (exit code 1): a loss, a distance or a weight is NaN or infinite
  -> lower training.learning_rate
train-other-host-failed (exit code 1): the training of several hosts ended with an error
  -> see the message, and the logs of all hosts under runs/
train-tf-config: TF_CONFIG is not the JSON of a cluster, or does not name this host.
  -> Set TF_CONFIG as TensorFlow describes it, with another index on each host, before the process starts.
train-tuner-hosts: The Tuner was started on several hosts. -> Tune without TF_CONFIG, or set tuner.trials to 0.
train-tuning-failed (exit code 1): no trial of the tuner was trained to its end
  -> see the message; narrow tuner.search to smaller learning rates
train-weights: The pretrained weights of a backbone cannot be read or downloaded, or belong to another network.
  -> Set encoder.weights to a file of the same network (include_top=False), a URL, imagenet or none.
train-weights-not-found: the file of encoder.weights does not exist -> check the path
train-weights-unusable (may pass): encoder.weights cannot be downloaded, or are of another network
  -> give weights of encoder.backbone without its top
train-worker-failed: another host ended the training with a user error -> see the message, and the log of that host
"""


def _entry(line: str) -> tuple[str, ErrorCode]:
    name, _, phrases = line.partition(": ")
    cause, remedy = phrases.split(" -> ")
    exit_code = ExitCode.FAILED if name.endswith(_FAILED) else ExitCode.USER_ERROR
    code = name.removesuffix(_FAILED).removesuffix(_MAY_PASS)
    return code, ErrorCode(cause, remedy, exit_code, name.endswith(_MAY_PASS))


CODES: dict[str, ErrorCode] = dict(map(_entry, _TABLE.strip().replace("\n  ", " ").split("\n")))
