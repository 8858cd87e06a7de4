"""Serving storage on a mounted file system: a version appears by one rename."""

import contextlib
import fcntl
import os
import platform
import secrets
import shutil
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

from components.serving_folder.storage import (
    CHUNK,
    HISTORY,
    SAVED_MODEL,
    FolderFiles,
    ModelFiles,
    ServingStorage,
    file_digests,
    link_or_copy,
    version_numbers,
)
from models.errors import UserError

STAGING = ".staging-"
STALE = 3600.0  # seconds after which an unfinished copy of another machine counts as abandoned

_LOCK = ".lock"
_SPARE = 1 << 20  # bytes beyond the model's own: directories, the history


class LocalFolder(ServingStorage):
    """Copies are staged under a name that servers ignore, verified, flushed to the disk, and then renamed."""

    def __init__(self, folder: Path) -> None:
        if folder.exists() and not folder.is_dir():
            raise UserError(f"{folder}: the serving folder is a file; name a folder", "model-folder-is-file")
        self.folder, self.address = folder, str(folder)

    def numbers(self) -> set[int]:
        if not self.folder.exists():
            return set()
        return version_numbers([path.name for path in self.folder.iterdir() if path.is_dir()])

    def is_complete(self, version: int) -> bool:
        return any((self.path(version) / name).is_file() for name in SAVED_MODEL)

    def path(self, version: int) -> Path:
        """The folder of a version, whose name may have leading zeros: servers ignore them."""
        plain = self.folder / str(version)
        if plain.is_dir() or not self.folder.is_dir():
            return plain
        padded = (path for path in self.folder.glob(f"0*{version}") if version_numbers([path.name]) == {version})
        return next(padded, plain)

    def files(self, version: int) -> FolderFiles:
        return FolderFiles(self.path(version))

    @contextlib.contextmanager
    def lock(self) -> Iterator[bool]:
        # The lock of a killed process ends with it.
        with (self.folder / _LOCK).open("w", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
            except OSError:  # some network mounts have no locks
                yield False
            else:
                yield True

    def create(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise UserError(
                f"{self.folder}: a part of this path is a file; name another serving folder", "model-folder-is-file"
            ) from None

    def check_writable(self) -> None:
        """Raises ``PermissionError`` if the folder cannot be written to; creates nothing."""
        there = next(path for path in (self.folder, *self.folder.absolute().parents) if path.exists())
        if not os.access(there, os.W_OK | os.X_OK):
            raise PermissionError(f"{there} is read-only for this user")

    def check_space(self, needed: int) -> None:
        free = shutil.disk_usage(self.folder).free
        if free < needed + _SPARE:
            raise UserError(
                f"{self.folder}: {free / 1e6:.1f} MB free, but the model needs {(needed + _SPARE) / 1e6:.1f} MB; "
                "free some, or set push.serving_dir elsewhere; what served before still serves",
                "model-disk-full",
            )

    def clean(self, abandoned: Collection[int], locked: bool) -> None:  # noqa: ARG002 - versions appear by a rename
        for leftover in (*self.folder.glob(f"{STAGING}*"), *(self.folder / HISTORY).glob(f"{STAGING}*")):
            # A lock may not reach other machines: wait before removing what may be theirs.
            if (locked and _is_mine(leftover)) or _age(leftover) > STALE:
                _remove(leftover)

    def put(self, source: ModelFiles, digests: Mapping[str, str], claim: Callable[[], int]) -> int:
        staging = self.folder / _staging_name()
        try:
            _copy(source, staging)
            if file_digests(FolderFiles(staging)) != digests:
                raise OSError(f"{staging}: the copy differs from its source")
            version = claim()
            staging.rename(self.folder / str(version))  # fails if the name exists
        except BaseException:
            shutil.rmtree(staging, ignore_errors=True)
            raise
        _sync(self.folder)
        return version

    def remove(self, version: int) -> None:
        trash = self.folder / _staging_name()
        with contextlib.suppress(FileNotFoundError):  # another writer removed it
            self.path(version).rename(trash)
            shutil.rmtree(trash)

    def fetch(self, version: int, target: Path) -> None:
        link_or_copy(self.path(version), target)

    def records(self) -> dict[str, bytes]:
        return {name: (self.folder / HISTORY / name).read_bytes() for name in self.record_names()}

    def record_names(self) -> set[str]:
        return {path.name for path in (self.folder / HISTORY).glob("[!.]*.json")}

    def add_record(self, name: str, content: bytes) -> bool:
        history = self.folder / HISTORY
        history.mkdir(exist_ok=True)
        staging, path = history / _staging_name(), history / name
        try:
            with staging.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(staging, path)  # unlike a rename, it never replaces
            except FileExistsError:
                return False
            except OSError:  # no hard links here
                if path.exists():
                    return False
                staging.rename(path)
        finally:
            staging.unlink(missing_ok=True)
        _sync(history)
        return True


def _staging_name() -> str:
    return f"{STAGING}{secrets.token_hex(8)}@{platform.node()}"


def _is_mine(leftover: Path) -> bool:
    _, at, host = leftover.name.partition("@")
    return not at or host == platform.node()


def _age(path: Path) -> float:
    """Seconds since anything in it changed."""
    changed = [0.0]
    for one in (path, *path.rglob("*")):
        with contextlib.suppress(FileNotFoundError):  # its owner is still writing
            changed.append(one.stat().st_mtime)
    return time.time() - max(changed)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):  # one that cannot be removed does no harm
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _copy(source: ModelFiles, target: Path) -> None:
    # Not shutil.copytree: it would copy the permissions of a private temporary folder.
    target.mkdir()
    folders = {target}
    for name in source.sizes():
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        folders.update(parent for parent in copy.parents if parent.is_relative_to(target))
        with source.open(name) as original, copy.open("xb") as file:
            shutil.copyfileobj(original, file, CHUNK)
            file.flush()
            os.fsync(file.fileno())
    for folder in folders:
        _sync(folder)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
