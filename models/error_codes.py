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
    "data-disk-space": ErrorCode(
        "the images do not fit on the disk", "free disk space, or choose another output folder or `TMPDIR`"
    ),
    "data-image-repeated": ErrorCode(
        "an image id occurs twice in a split", "make the images again: remove the artifacts of ImageExampleGen"
    ),
    "data-no-genuine-pair": ErrorCode(
        "no identity of a split has two images",
        "add images to the identities, or set `data.split.by: identity`",
    ),
    "data-no-impostor-pair": ErrorCode(
        "the limits of `pairs` leave no impostor pair in a split",
        "raise `pairs.max_per_image` or `pairs.max_per_identity`",
    ),
    "data-pair-list-one-sided": ErrorCode(
        "a list of pairs has no genuine or no impostor pairs whose images are in the split",
        "add pairs of both kinds, or see `quarantine.csv` for images that were not used",
    ),
    "data-split-empty": ErrorCode("a split has no images", "raise its share in `data.split`, or add images"),
    "data-split-overlap": ErrorCode(
        "the same image, by name or by content, is in two splits", "remove the duplicates, or split again"
    ),
    "data-too-few-identities": ErrorCode(
        "a split has fewer than two identities", "add identities, or change `data.split` or `seed`"
    ),
    "train-hosts": ErrorCode(
        "`TF_CONFIG` does not fit the command: a run belongs to the chief, `siamese join` to the workers",
        "run the command that the message shows on this host",
    ),
    "train-hosts-tuner": ErrorCode(
        "the trials of a Tuner are asked for where several hosts train",
        "tune on one host, or set `tuner.trials: 0`",
    ),
    "train-worker-failed": ErrorCode(
        "another host ended the training with a user error", "see the message, and the log of that host"
    ),
    "beam-unknown-runner": ErrorCode(
        "`beam.runner` (or `--beam`) names no runner that this Beam has",
        "take a runner's name or the full name of its class, e.g. `FlinkRunner`, and install what it needs",
    ),
}
