"""The serving folder ``<serving_dir>/<integer version>/``, whose highest version serves: what is in it.

Versions appear atomically and always rise: TensorFlow Serving loads the highest integer that it sees, at any moment,
and ignores every other name. ``serving_dir`` is a path, or a URL such as ``gs://bucket/serving``.
"""

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from components.serving_folder import publication
from components.serving_folder.history import ServingHistory
from components.serving_folder.local_folder import LocalFolder
from components.serving_folder.object_store import ObjectStore, StoreFiles
from components.serving_folder.storage import (
    CARD,
    SAVED_MODEL,
    FolderFiles,
    ModelFiles,
    ServingStorage,
    file_digests,
    is_saved_model,
    model_digest,
    user_errors,
)
from models.addresses import is_address
from models.checksums import model_damage
from models.errors import UserError


def open_storage(serving_dir: Path | str) -> ServingStorage:
    """The storage of a serving folder at a path or a URL.

    Raises:
      UserError: it is a file, or a URL that cannot be read.
    """
    address = str(serving_dir).removeprefix("file://")
    return ObjectStore(address) if is_address(address) else LocalFolder(Path(address))


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
    """A cache key of what serves: the version, its model digest, and the digests of its files, or a store's checksums.

    A rollback changes the version alone; damage to a file changes neither the version nor the model digest.
    """
    storage = open_storage(serving_dir)
    with user_errors(storage.address, "read"):
        complete = storage.versions()
        if not complete:
            return "none"
        files = storage.files(complete[-1])
        states = files.states() if isinstance(files, StoreFiles) else file_digests(files)
        content = json.dumps(states, sort_keys=True)
        return f"{complete[-1]}:{model_digest(files)}:{hashlib.sha256(content.encode()).hexdigest()}"


def digest(model_dir: Path | str) -> str:
    """The ``model_digest`` of a model in a folder; see ``storage.model_digest``."""
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
    return (publication.damage(file_digests(files), added) if added else "") or model_damage(folder) or ""


def damage(serving_dir: Path, version: int) -> str:
    """What of a version in a folder is not as it was pushed, in a phrase.

    Empty if nothing is, or if its push was not recorded: another program may have copied it there.
    """
    storage = LocalFolder(serving_dir)
    try:
        added = ServingHistory.of(storage.records(), [version]).added(version)
        if added is None:
            return ""
        regular = [name for name in added.files if (storage.path(version) / name).is_file()]
        return publication.damage(file_digests(storage.files(version), regular), added)
    except OSError as error:
        return str(error)


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
