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
    "config-unknown-run": ErrorCode(
        "no run of that name lies under the output folder",
        "list the runs with `siamese runs`",
    ),
    "config-no-runs": ErrorCode(
        "the output folder holds no metadata store",
        "run `siamese run` first, or give --output the folder of an earlier run",
    ),
    "config-damaged-summary": ErrorCode(
        "a run's summary.json cannot be read",
        "restore the file, or run again",
    ),
    "model-no-credentials": ErrorCode(
        "the object store of the serving folder accepts no credentials from this process",
        "log in to the store as its library asks, and try again",
    ),
    "model-disk-full": ErrorCode(
        "the disk of the serving folder has no room for the model",
        "free some space, or set push.serving_dir to another disk",
    ),
    "model-not-writable": ErrorCode(
        "this user may not write to (or read) the serving folder",
        "give the user the right, or set push.serving_dir elsewhere",
    ),
    "model-unreachable": ErrorCode(
        "the object store or the bucket cannot be reached",
        "check the URL and the network",
    ),
    "model-folder-is-file": ErrorCode(
        "the serving folder, or a folder above it, is a file",
        "name a folder",
    ),
    "model-store-library": ErrorCode(
        "the library for this kind of object store is not installed",
        "install the extra that the message names",
    ),
    "model-bad-url": ErrorCode(
        "the address of the serving folder is neither a path nor a known kind of URL",
        "write a path, gs://..., or s3://...",
    ),
    "model-not-mounted": ErrorCode(
        "the command needs a folder on a mounted file system",
        "name a path, or mount the bucket",
    ),
    "model-version-limit": ErrorCode(
        "a version has the highest possible number",
        "remove that version; a push takes the next higher one",
    ),
    "model-nothing-served": ErrorCode(
        "the serving folder holds no version",
        "push a model first",
    ),
    "model-no-earlier-version": ErrorCode(
        "no other model that served before is still in the serving folder",
        "choose a version with --to",
    ),
    "model-unknown-version": ErrorCode(
        "the serving folder holds no such version",
        "choose one that the message lists",
    ),
    "model-already-serves": ErrorCode(
        "the version holds the model that serves",
        "choose another version",
    ),
    "model-damaged": ErrorCode(
        "files of the version are missing or differ from what was pushed",
        "restore an earlier version with `siamese rollback`",
    ),
    "model-not-ours": ErrorCode(
        "the folder holds no model of this pipeline: its manifest is missing",
        "name a version in the serving folder, as serving/<version>",
    ),
    "model-not-comparable": ErrorCode(
        "the model that serves cannot score the pairs of this pipeline",
        "serve another version with `siamese rollback`, or set gates.ignore_baseline",
    ),
    "data-unreadable-image": ErrorCode(
        "an image file is missing, damaged or of a format that is not allowed",
        "name another file, or repair it",
    ),
    "data-bad-schema": ErrorCode(
        "the reviewed schema is not one of image Examples in text format",
        "make one with `siamese schema`, and edit that",
    ),
    "model-threshold-target": ErrorCode(
        "the target of calibration cannot be measured on so few validation pairs",
        "ask for a less strict calibration.value, or give more images or pairs",
    ),
}
