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
    "data-archive-damaged": ErrorCode(
        "an archive is damaged, not completely copied, or neither zip nor tar", "copy or pack it again"
    ),
    "data-archive-refused": ErrorCode(
        "an entry of an archive leads out of it, or its content is far larger than images can be",
        "pack the images again, by relative paths and without links",
    ),
    "data-disk-space": ErrorCode(
        "the images do not fit on the disk", "free disk space, or choose another output folder or `TMPDIR`"
    ),
    "data-folder-missing": ErrorCode("the folder of the images does not exist", "correct `--data` or `data.source`"),
    "data-group-missing": ErrorCode(
        "`data.split.by: group`, but an image has no group",
        "set `data.layout: group/identity`, or fill the manifest's column `group`",
    ),
    "data-label-conflicts": ErrorCode(
        "the same image lies under two identities, and `data.conflicts` is `stop`",
        "remove the wrong copies, or set `data.conflicts: drop`",
    ),
    "data-manifest": ErrorCode("lines of a manifest are wrong", "correct the lines that the message names"),
    "data-no-images": ErrorCode(
        "no image lies where the layout or the manifest has it",
        "correct `--data`, `data.layout` or the manifest's paths",
    ),
    "data-no-records": ErrorCode("an artifact of images holds no TFRecord files", "run the pipeline again"),
    "data-not-csv": ErrorCode("a manifest or a list of pairs is not CSV", "correct the line, often a quotation mark"),
    "data-not-utf8": ErrorCode("a manifest or a list of pairs is not UTF-8", "save it as UTF-8"),
    "data-pair-list": ErrorCode(
        "lines of a list of pairs are wrong, or name images that do not exist",
        "correct the lines that the message names",
    ),
    "data-pair-list-empty": ErrorCode("a list of pairs holds no pairs", "add genuine and impostor pairs"),
    "data-records-compressed": ErrorCode(
        "an artifact of images holds compressed TFRecord files", "write them without compression"
    ),
    "data-rejected": ErrorCode("the images cannot be used for a run", "see `quarantine.csv` of the run"),
    "data-span-ambiguous": ErrorCode("two names have the same span number", "remove or rename one"),
    "data-span-missing": ErrorCode("nothing matches an address with `{SPAN}`", "correct the address, or add the data"),
    "data-span-pattern": ErrorCode("an address with `{SPAN}` is malformed", "write `{SPAN}` or `{SPAN:WIDTH}` once"),
    "data-split-conflict": ErrorCode(
        "splits set by the user separate what must stay together", "give it one split, or set `data.split.by: image`"
    ),
    "data-too-few-identities": ErrorCode(
        "a split has fewer than two identities", "add identities, or change `data.split` or `seed`"
    ),
    "data-too-many-unusable": ErrorCode(
        "more images cannot be used than `data.max_quarantined` allows", "see `quarantine.csv` of the run"
    ),
    "data-unreadable": ErrorCode("a file or folder cannot be read", "check that it exists, and its permissions"),
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
