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
    "kubeflow-check-failed": ErrorCode(
        "A check of the compiled pipeline found what the backend would refuse or fail to run.",
        "Change the setting that each line names; `siamese kubeflow check FILE` repeats the check.",
    ),
    "kubeflow-data-source": ErrorCode(
        "`data.source` is not set, or is only on this machine.",
        "Set it to `gs://`, `s3://`, or a folder of a volume in `kubeflow.volumes`.",
    ),
    "kubeflow-exists": ErrorCode(
        "The server already has an object of that name (HTTP 409).",
        "Choose another name, or delete the existing object.",
    ),
    "kubeflow-file-not-a-pipeline": ErrorCode(
        "The file is not YAML, or not a compiled pipeline.",
        "Compile one: `siamese kubeflow compile --config FILE`.",
    ),
    "kubeflow-file-unreadable": ErrorCode(
        "A file that the command needs does not exist or cannot be read.",
        "Correct the path, or the permissions of the file.",
    ),
    "kubeflow-file-unwritable": ErrorCode(
        "The compiled pipeline cannot be written to that path.",
        "Choose another path with `--output`, or correct the permissions.",
    ),
    "kubeflow-folder-not-mounted": ErrorCode(
        "A folder in the configuration is in no volume that the node's pod mounts.",
        "Add the volume to `kubeflow.volumes`, for that node, or use an object store.",
    ),
    "kubeflow-no-address": ErrorCode(
        "No server is configured, or its address is not a URL.",
        "Set `--host`, `kubeflow.host` or `KF_PIPELINES_ENDPOINT`, such as `http://localhost:8080`.",
    ),
    "kubeflow-no-client": ErrorCode(
        "The environment with the Kubeflow SDK is missing.",
        "Run `make kubeflow-client`.",
    ),
    "kubeflow-no-connection": ErrorCode(
        "The server's host is unknown, or does not accept connections.",
        "Check the address, the proxy, and that `kubectl port-forward` runs.",
    ),
    "kubeflow-no-image": ErrorCode(
        "No container image is configured.",
        "Set `--image` or `kubeflow.image`.",
    ),
    "kubeflow-no-namespace": ErrorCode(
        "A multi-user server needs a namespace.",
        "Set `--namespace` or `kubeflow.namespace`.",
    ),
    "kubeflow-no-serving-folder": ErrorCode(
        "`push.serving_dir` is not set.",
        "Set it to `gs://`, `s3://`, or a folder of a volume in `kubeflow.volumes`.",
    ),
    "kubeflow-no-tls": ErrorCode(
        "The TLS connection failed, or the server's certificate is not trusted.",
        "Set `kubeflow.connection.ca_file`, or use the scheme that the server speaks.",
    ),
    "kubeflow-not-allowed": ErrorCode(
        "The account may not do this on the server (HTTP 403).",
        "Ask the cluster's administrator for the permission, or use another namespace.",
    ),
    "kubeflow-not-found": ErrorCode(
        "The server has no such run or pipeline (HTTP 404).",
        "Check the id and the namespace.",
    ),
    "kubeflow-not-logged-in": ErrorCode(
        "The server needs credentials (HTTP 401), or a login page answered.",
        "Set `SIAMESE_KFP_TOKEN`, `KF_PIPELINES_SA_TOKEN_PATH` or `SIAMESE_KFP_COOKIES`.",
    ),
    "kubeflow-parameter": ErrorCode(
        "A `--parameter` is not `NAME=VALUE`, is unknown, or has the wrong type.",
        "Use a parameter that the message lists, with a value of its type.",
    ),
    "kubeflow-pipeline-root": ErrorCode(
        "The pipeline root is missing, or not in an object store.",
        "Set `--pipeline-root` or `kubeflow.pipeline_root` to `gs://`, `s3://` or `minio://`.",
    ),
    "kubeflow-request-refused": ErrorCode(
        "The server refused the request (HTTP 400).",
        "Change the value that the message names.",
    ),
    "kubeflow-schedule-of-another-pipeline": ErrorCode(
        "A schedule of that name runs another pipeline.",
        "Choose another name, or delete the schedule.",
    ),
    "kubeflow-serving-validator": ErrorCode(
        "`serving_validator.runtime` cannot be compiled for Kubeflow.",
        "Set it to `process`.",
    ),
    "kubeflow-unknown-node": ErrorCode(
        "A key of `kubeflow` names a node that the pipeline does not have.",
        "Use one of the nodes that the message lists.",
    ),
    "kubeflow-unknown-schedule": ErrorCode(
        "The server has no schedule of that name.",
        "List the schedules: `siamese kubeflow schedule list`.",
    ),
}
