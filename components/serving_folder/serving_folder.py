"""The folder that a model server watches: ``<serving_dir>/<integer version>/``, the highest one serves.

A version appears whole or not at all, and versions always rise: TensorFlow Serving loads the highest integer it sees,
at any moment, and ignores every other name. ``serving_dir`` is a folder or an address such as ``gs://bucket/serving``.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from components.serving_folder import publication
from components.serving_folder.backend import ServingPlace, told
from components.serving_folder.history import Trail, read_trail
from components.serving_folder.local_folder import LocalFolder, link_or_copy
from components.serving_folder.model_files import (
    CARD,
    SAVED_MODEL,
    FilesBeside,
    FolderFiles,
    ModelFiles,
    file_digests,
    is_saved_model,
    model_digest,
)
from components.serving_folder.object_store import ObjectStore
from models.errors import UserError

__all__ = ["NONE", "Judged", "PushResult", "Pushed", "Same", "check_writable", "digest", "fetch_served", "history"]
__all__ += [
    "link_or_copy",
    "open_place",
    "push",
    "same_as_served",
    "served",
    "served_digest",
    "served_key",
    "version_address",
    "versions",
]

NONE = "none"


@dataclass(frozen=True)
class Pushed:
    """What stands behind a push, for the history.

    Attributes:
      by: who; default: the user of this process, at its machine.
      reason: why this model may serve, in a sentence.
      run_id: of the run that made it.
      config_digest: of that run's configuration.
    """

    by: str | None = None
    reason: str = ""
    run_id: str | None = None
    config_digest: str | None = None


@dataclass(frozen=True)
class PushResult:
    """What a push did.

    Attributes:
      version: that serves now; 0 where nothing does.
      pushed: false where the identical model already served, or the push was declined.
      address: of the version.
      declined: why nothing was pushed, in a sentence; "" where it was, or already served.
    """

    version: int
    pushed: bool
    address: str
    declined: str = ""

    @property
    def path(self) -> Path:
        """The version's folder, of a folder on a mounted file system."""
        return Path(self.address)


def open_place(serving_dir: Path | str) -> ServingPlace:
    """The serving folder at a path or an address.

    Raises:
      UserError: it is a file, or an address of a kind that nothing here can read.
    """
    address = str(serving_dir).removeprefix("file://")
    return ObjectStore(address) if "://" in address else LocalFolder(Path(address))


def versions(serving_dir: Path | str) -> list[int]:
    """The complete versions in the folder, ascending; none where there is no folder."""
    place = open_place(serving_dir)
    with told(place.address, "read"):
        return place.versions()


def served(serving_dir: Path | str) -> Path | None:
    """The folder of the version that serves, the highest complete one.

    Raises:
      UserError: ``serving_dir`` is not on a mounted file system; ``fetch_served`` brings it from there.
    """
    place = open_place(serving_dir)
    if not isinstance(place, LocalFolder):
        raise UserError(f"{serving_dir}: must be a folder on a mounted file system, not an address")
    complete = place.versions()
    return place.path(complete[-1]) if complete else None


def served_key(serving_dir: Path | str) -> str:
    """What changes whenever what serves does: the version, its digest and, in a folder, its very bytes.

    For a cache: a rollback gives an old digest a new version, and damage to a file leaves both.
    """
    place = open_place(serving_dir)
    with told(place.address, "read"):
        complete = place.versions()
        if not complete:
            return NONE
        files = place.files(complete[-1])
        content = json.dumps(file_digests(files), sort_keys=True) if isinstance(place, LocalFolder) else ""
        return f"{complete[-1]}:{model_digest(files)}:{hashlib.sha256(content.encode()).hexdigest()}"


def served_digest(serving_dir: Path | str) -> str:
    """The digest of the model that serves, or ``"none"``."""
    place = open_place(serving_dir)
    with told(place.address, "read"):
        complete = place.versions()
        return model_digest(place.files(complete[-1])) if complete else NONE


def version_address(serving_dir: Path | str, version: int) -> str:
    """Where a version is: a path or an address."""
    return open_place(serving_dir).version_address(version)


def digest(model_dir: Path | str) -> str:
    """The ``model_digest`` of a model of this pipeline; for any other one, a digest of its files."""
    return model_digest(FolderFiles(Path(model_dir)))


def fetch_served(serving_dir: Path | str, target: Path | str) -> int | None:
    """Brings the files of the version that serves into a local folder: links or copies, or a download.

    Returns:
      The version, or none where nothing serves; then ``target`` is not made.

    Raises:
      UserError: what serves is not what was pushed, or cannot be read.
    """
    place, folder = open_place(serving_dir), Path(target)
    with told(place.address, "read"):
        while complete := place.versions():
            version = complete[-1]
            if damage := _fetched(place, version, folder):
                shutil.rmtree(folder, ignore_errors=True)
                if version not in place.versions():
                    continue  # it was pruned meanwhile: another one serves
                raise UserError(
                    f"{place.version_address(version)}: the model that serves is damaged: {damage}; "
                    "`siamese rollback` brings back an earlier one"
                )
            return version
    return None


def _fetched(place: ServingPlace, version: int, folder: Path) -> str:
    """Brings a version; returns what of it is damaged."""
    try:
        place.fetch(version, folder)
    except FileNotFoundError as error:
        return str(error)
    files = FolderFiles(folder)
    if not is_saved_model(files):
        return f"{SAVED_MODEL[0]} is missing"
    arrival = read_trail(place.records(), [version]).arrival(version)
    return publication.damage(file_digests(files), arrival) if arrival else ""


def history(serving_dir: Path | str) -> Trail:
    """Which version serves, and who replaced what and why."""
    place = open_place(serving_dir)
    with told(place.address, "read"):
        return read_trail(place.records(), place.versions())


def check_writable(serving_dir: Path | str) -> None:
    """Whether a push would be let in, before a run begins; of an object store only the address is looked at.

    Raises:
      UserError: it would not.
    """
    place = open_place(serving_dir)
    if isinstance(place, LocalFolder):
        with told(place.address):
            place.check_writable()


@dataclass(frozen=True)
class Same:
    """The version that serves the model in question; ``to_the_byte``: every file is the same, too."""

    version: int
    address: str
    to_the_byte: bool


def same_as_served(model_dir: Path | str, serving_dir: Path | str) -> Same | None:
    """The version that serves, where it is the model at ``model_dir``, by its digest, and whole."""
    place, source = open_place(serving_dir), FolderFiles(Path(model_dir))
    with told(place.address, "read"):
        trail = read_trail(place.records(), place.versions())
        version = trail.serving
        if version is None or not publication.serves_already(place, trail, source):
            return None
        same_files = _without_card(place.files(version)) == _without_card(source)
    return Same(version, place.version_address(version), same_files)


def _without_card(files: ModelFiles) -> dict[str, str]:
    return {name: digest for name, digest in file_digests(files).items() if name != CARD}


@dataclass(frozen=True)
class Judged:
    """That gates blessed the model, and against what: ``baseline`` is the version that served, or none."""

    baseline: int | None


def push(
    model_dir: Path | str,
    serving_dir: Path | str,
    why: Pushed | None = None,
    keep: int | None = None,
    judged: Judged | None = None,
    beside: Mapping[str, Path] | None = None,
) -> PushResult:
    """Makes the SavedModel at ``model_dir`` the version that serves, unless it is so already.

    Whatever an earlier, killed push left behind is removed. Then versions beyond ``keep`` are; a failure of that is
    told in the log and the history, and fails nothing. With ``judged`` the push is declined where another version
    came to serve since, or where this very model was rolled back. ``beside``: more files of the version, by their
    names in it; no part of the model.

    Raises:
      FileNotFoundError: ``model_dir`` holds no SavedModel.
      UserError: ``serving_dir`` cannot be written to or is full; nothing is visible then.
      OSError: the copy failed or differs; nothing is visible then.
    """
    source = FolderFiles(Path(model_dir))
    if not is_saved_model(source):
        raise FileNotFoundError(f"{model_dir}: not a SavedModel ({SAVED_MODEL[0]} is missing)")
    place, why = open_place(serving_dir), why or Pushed()
    with publication.writing(place, sum(source.sizes().values())) as trail:
        current = trail.serving
        if current is not None and publication.serves_already(place, trail, source):
            return PushResult(current, False, place.version_address(current))
        if judged and (declined := _declined(judged, trail, model_digest(source))):
            return PushResult(current or 0, False, place.address, declined)
        version = publication.publish(
            place,
            trail,
            FilesBeside(source, beside or {}),
            action="push",
            reason=why.reason,
            run_id=why.run_id,
            config_digest=why.config_digest,
            **({"by": why.by} if why.by else {}),
        )
        if keep is not None:
            publication.prune(place, keep)
    return PushResult(version, True, place.version_address(version))


def _declined(judged: Judged, trail: Trail, digest: str) -> str:
    """Why a blessed model is not pushed all the same; "" where nothing speaks against it."""
    if trail.serving != judged.baseline:
        then = f"version {judged.baseline} served" if judged.baseline is not None else "nothing served"
        now = f"version {trail.serving} does" if trail.serving is not None else "nothing does"
        return f"when this model was judged {then}, now {now}: run again to compare with that"
    if event := trail.rolled_back(digest):
        why = f": {event.reason}" if event.reason else ""
        return (
            f"this very model, then version {event.replaced}, was rolled back by {event.by} "
            f"on {event.at:%Y-%m-%d}{why}; to serve it again: siamese rollback --to {event.replaced}"
        )
    return ""
