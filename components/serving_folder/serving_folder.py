"""The serving folder ``<serving_dir>/<integer version>/``, whose highest version serves: read it, push to it.

Versions appear atomically and always rise: TensorFlow Serving loads the highest integer that it sees, at any moment,
and ignores every other name. ``serving_dir`` is a path, or a URL such as ``gs://bucket/serving``.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from components.serving_folder import publication
from components.serving_folder.history import ServingHistory
from components.serving_folder.local_folder import LocalFolder
from components.serving_folder.model_files import (
    CARD,
    SAVED_MODEL,
    ExtendedFiles,
    FolderFiles,
    ModelFiles,
    file_digests,
    is_saved_model,
    model_digest,
)
from components.serving_folder.object_store import ObjectStore
from components.serving_folder.storage import ServingStorage, user_errors
from models.errors import UserError

NONE = "none"


def open_storage(serving_dir: Path | str) -> ServingStorage:
    """The storage of a serving folder at a path or a URL.

    Raises:
      UserError: it is a file, or a URL that cannot be read.
    """
    address = str(serving_dir).removeprefix("file://")
    return ObjectStore(address) if "://" in address else LocalFolder(Path(address))


def versions(serving_dir: Path | str) -> list[int]:
    """The complete versions in the folder, ascending; empty if the folder does not exist."""
    storage = open_storage(serving_dir)
    with user_errors(storage.address, "read"):
        return storage.versions()


def served(serving_dir: Path | str) -> Path | None:
    """The folder of the version that serves, the highest complete one.

    Raises:
      UserError: ``serving_dir`` is not on a mounted file system; use ``fetch_served``.
    """
    storage = open_storage(serving_dir)
    if not isinstance(storage, LocalFolder):
        raise UserError(f"{serving_dir}: must be a folder on a mounted file system, not a URL", "model-not-mounted")
    complete = storage.versions()
    return storage.path(complete[-1]) if complete else None


def served_key(serving_dir: Path | str) -> str:
    """A cache key of what serves: the version, its model digest and, in a folder, the digests of its files.

    A rollback changes the version alone; damage to a file changes neither the version nor the model digest.
    """
    storage = open_storage(serving_dir)
    with user_errors(storage.address, "read"):
        complete = storage.versions()
        if not complete:
            return NONE
        files = storage.files(complete[-1])
        content = json.dumps(file_digests(files), sort_keys=True) if isinstance(storage, LocalFolder) else ""
        return f"{complete[-1]}:{model_digest(files)}:{hashlib.sha256(content.encode()).hexdigest()}"


def served_digest(serving_dir: Path | str) -> str:
    """The digest of the model that serves, or ``"none"``."""
    storage = open_storage(serving_dir)
    with user_errors(storage.address, "read"):
        complete = storage.versions()
        return model_digest(storage.files(complete[-1])) if complete else NONE


def digest(model_dir: Path | str) -> str:
    """The ``model_digest`` of a model in a folder; see ``model_files.model_digest``."""
    return model_digest(FolderFiles(Path(model_dir)))


def history(serving_dir: Path | str) -> ServingHistory:
    """The pushes, rollbacks and removals of a serving folder."""
    storage = open_storage(serving_dir)
    with user_errors(storage.address, "read"):
        return publication.history_of(storage)


def fetch_served(serving_dir: Path | str, target: Path | str) -> int | None:
    """Copies the version that serves into a local folder: links or copies, or a download.

    Returns:
      The version, or None if nothing serves; then ``target`` is not created.

    Raises:
      UserError: the files differ from what was pushed, or cannot be read.
    """
    storage, folder = open_storage(serving_dir), Path(target)
    with user_errors(storage.address, "read"):
        while complete := storage.versions():
            version = complete[-1]
            damage = _fetched(storage, version, folder)
            if not damage:
                return version
            shutil.rmtree(folder, ignore_errors=True)
            if version in storage.versions():  # else it was pruned meanwhile, and another one serves
                raise UserError(
                    f"{storage.version_address(version)}: the model that serves is damaged: {damage}; "
                    "restore an earlier one with `siamese rollback`",
                    "model-damaged",
                )
    return None


def _fetched(storage: ServingStorage, version: int, folder: Path) -> str:
    """Copies a version; returns what of it is damaged."""
    try:
        storage.fetch(version, folder)
    except FileNotFoundError as error:
        return str(error)
    files = FolderFiles(folder)
    if not is_saved_model(files):
        return f"{SAVED_MODEL[0]} is missing"
    added = ServingHistory.of(storage.records(), [version]).added(version)
    return publication.damage(file_digests(files), added) if added else ""


def check_writable(serving_dir: Path | str) -> None:
    """Checks before a run that a push is possible; of an object store only the URL is checked.

    Raises:
      UserError: it is not.
    """
    storage = open_storage(serving_dir)
    if isinstance(storage, LocalFolder):
        with user_errors(storage.address):
            storage.check_writable()


@dataclass(frozen=True)
class SameModel:
    """The version that serves the model in question; ``identical``: every file is equal, too."""

    version: int
    address: str
    identical: bool


def same_as_served(model_dir: Path | str, serving_dir: Path | str) -> SameModel | None:
    """The version that serves, if it is the model at ``model_dir`` by its digest, and undamaged."""
    storage, source = open_storage(serving_dir), FolderFiles(Path(model_dir))
    with user_errors(storage.address, "read"):
        known = publication.history_of(storage)
        version = known.serving
        if version is None or not publication.serves_already(storage, known, source):
            return None
        identical = _without_card(storage.files(version)) == _without_card(source)
    return SameModel(version, storage.version_address(version), identical)


def _without_card(files: ModelFiles) -> dict[str, str]:
    return {name: digest for name, digest in file_digests(files).items() if name != CARD}


@dataclass(frozen=True)
class Provenance:
    """What the history records of a push.

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
    """The result of a push.

    Attributes:
      version: that serves now; 0 if none does.
      pushed: False if the identical model already served, or the push was declined.
      address: of the version.
      declined: why nothing was pushed, in a sentence; "" if it was pushed or served already.
    """

    version: int
    pushed: bool
    address: str
    declined: str = ""

    @property
    def path(self) -> Path:
        """The version's folder on a mounted file system."""
        return Path(self.address)


@dataclass(frozen=True)
class Blessing:
    """That gates blessed the model: ``baseline`` is the version that served then, or None."""

    baseline: int | None


def push(
    model_dir: Path | str,
    serving_dir: Path | str,
    provenance: Provenance | None = None,
    keep: int | None = None,
    blessing: Blessing | None = None,
    extra: Mapping[str, Path] | None = None,
) -> PushResult:
    """Makes the SavedModel at ``model_dir`` the version that serves, unless it serves already.

    Removes what an interrupted push left behind, and the versions beyond ``keep``; a failure of that is logged and
    recorded, and does not fail the push.

    Args:
      model_dir: the SavedModel.
      serving_dir: a path or a URL.
      provenance: for the history.
      keep: how many versions stay; default: all.
      blessing: if given, the push is declined if another version serves since, or if this model was rolled back.
      extra: additional files of the version, by name; not part of the model.

    Raises:
      FileNotFoundError: ``model_dir`` holds no SavedModel.
      UserError: ``serving_dir`` cannot be written to or is full; nothing is visible then.
      OSError: the copy failed or differs; nothing is visible then.
    """
    source = FolderFiles(Path(model_dir))
    if not is_saved_model(source):
        raise FileNotFoundError(f"{model_dir}: not a SavedModel ({SAVED_MODEL[0]} is missing)")
    storage, provenance = open_storage(serving_dir), provenance or Provenance()
    with publication.writing(storage, sum(source.sizes().values())) as known:
        current = known.serving
        if current is not None and publication.serves_already(storage, known, source):
            return PushResult(current, False, storage.version_address(current))
        if blessing and (declined := _declined(blessing, known, model_digest(source))):
            return PushResult(current or 0, False, storage.address, declined)
        version = publication.publish(
            storage,
            known,
            ExtendedFiles(source, extra or {}),
            action="push",
            reason=provenance.reason,
            run_id=provenance.run_id,
            config_digest=provenance.config_digest,
            **({"by": provenance.by} if provenance.by else {}),
        )
        if keep is not None:
            publication.prune(storage, keep)
    return PushResult(version, True, storage.version_address(version))


def _declined(blessing: Blessing, known: ServingHistory, digest: str) -> str:
    """Why a blessed model is not pushed after all; "" if there is no reason."""
    if known.serving != blessing.baseline:
        then = f"version {blessing.baseline} served" if blessing.baseline is not None else "nothing served"
        now = f"version {known.serving} does" if known.serving is not None else "nothing does"
        return f"when this model was evaluated {then}, now {now}: run again to compare with that"
    if event := known.rolled_back(digest):
        why = f": {event.reason}" if event.reason else ""
        return (
            f"this model, then version {event.replaced}, was rolled back by {event.by} "
            f"on {event.at:%Y-%m-%d}{why}; to serve it again: siamese rollback --to {event.replaced}"
        )
    return ""
