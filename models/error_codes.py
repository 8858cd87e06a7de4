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
    "data-anomalies": ErrorCode(
        "the images, or their features, do not match the schema: the message names split and feature",
        "fix the data, or review the schema (data.schema_file)",
    ),
    "data-drift": ErrorCode(
        "the new images differ from those of the span before, or val or test from train, by more than is allowed",
        "check the data; if the change is intended, raise data.validation.drift or data.validation.skew",
    ),
    "data-no-images": ErrorCode(
        "no source of images is configured, or it has none",
        "set --data to a folder, an archive or a manifest",
    ),
    "kubeflow-no-outcome": ErrorCode(
        "the run succeeded, but its pipeline root has neither its report nor its outcome",
        "check the pipeline root (--pipeline-root), and whether its objects were deleted",
    ),
    "kubeflow-root-unreadable": ErrorCode(
        "the pipeline root cannot be read from this machine",
        "set the credentials of the object store, and AWS_ENDPOINT_URL for one that is not Amazon's",
    ),
    "serve-no-platform": ErrorCode(
        "serving_validator.runtime asks for Docker or Kubernetes, and neither is available",
        "start Docker, or set serving_validator.runtime to process",
    ),
}
