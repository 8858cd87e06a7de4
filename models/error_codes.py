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
    "beam-unknown-runner": ErrorCode(
        "`beam.runner` (or `--beam`) names no runner that this Beam has",
        "take a runner's name or the full name of its class, e.g. `FlinkRunner`, and install what it needs",
    ),
}
