"""The folder that a model server watches: ``<serving_dir>/<integer version>/``, the highest one serves.

A version appears whole or not at all, and versions always rise: TensorFlow Serving loads the highest integer it sees,
at any moment, and ignores every other name.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from models.errors import UserError
from models.manifest import ModelManifest

NONE = "none"

_SAVED_MODEL = ("saved_model.pb", "saved_model.pbtxt")
_STAGING = ".staging-"
_LOCK = ".lock"
_HIGHEST = 2**63 - 1  # TensorFlow Serving reads versions as int64
_CHUNK = 1 << 20


@dataclass(frozen=True)
class PushResult:
    """What a push did: ``version`` serves now; ``pushed`` is false where the identical model already served."""

    version: int
    pushed: bool
    path: Path


def versions(serving_dir: Path | str) -> list[int]:
    """The complete versions in the folder, ascending; none where there is no folder."""
    return sorted(version for version, path in _numbered(serving_dir).items() if _is_saved_model(path))


def served(serving_dir: Path | str) -> Path | None:
    """The version that serves: the highest complete one."""
    complete = versions(serving_dir)
    return _numbered(serving_dir)[complete[-1]] if complete else None


def served_digest(serving_dir: Path | str) -> str:
    """The digest of the model that serves, or ``"none"``."""
    current = served(serving_dir)
    return digest(current) if current else NONE


def digest(model_dir: Path | str) -> str:
    """The ``model_digest`` of a model of this pipeline; for any other one, a digest of its files."""
    try:
        return ModelManifest.read(model_dir).model_digest
    except (UserError, UnicodeDecodeError):  # none, another project's, or damaged
        return _files_digest(Path(model_dir))


def push(model_dir: Path | str, serving_dir: Path | str) -> PushResult:
    """Makes the SavedModel at ``model_dir`` the version that serves, unless it is so already.

    The model is copied under a name that no server reads, flushed to the disk, compared with the original and only
    then renamed. Whatever an earlier, killed push left behind is removed.

    Raises:
      FileNotFoundError: ``model_dir`` holds no SavedModel.
      UserError: ``serving_dir`` is not a folder of a mounted file system.
      OSError: the copy failed or differs; nothing is visible then.
    """
    source, folder = Path(model_dir), _folder(serving_dir)
    if not _is_saved_model(source):
        raise FileNotFoundError(f"{source}: not a SavedModel ({_SAVED_MODEL[0]} is missing)")
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        for leftover in folder.glob(f"{_STAGING}*"):
            shutil.rmtree(leftover)
        current = served(folder)
        if current and digest(current) == digest(source):
            return PushResult(int(current.name), False, current)
        version = max(int(time.time()), max(_numbered(folder), default=0) + 1)
        target = folder / str(version)
        _place(source, folder / f"{_STAGING}{version}", target)
        return PushResult(version, True, target)


def link_or_copy(source: Path | str, target: Path | str) -> None:
    """Copies a model that nobody will change: by hard links where the file system has them."""
    _copy_tree(Path(source), Path(target), _link_file)


def _folder(serving_dir: Path | str) -> Path:
    if "://" in str(serving_dir):
        raise UserError(f"{serving_dir}: the serving folder must be on a mounted file system, not an address")
    folder = Path(serving_dir)
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: the serving folder is a file")
    return folder


def _numbered(serving_dir: Path | str) -> dict[int, Path]:
    """Every folder with an integer name, complete or not."""
    folder = _folder(serving_dir)
    if not folder.exists():
        return {}
    names = (path for path in folder.iterdir() if path.name.isascii() and path.name.isdecimal())
    return {int(path.name): path for path in names if path.is_dir() and int(path.name) <= _HIGHEST}


def _is_saved_model(path: Path) -> bool:
    return any((path / name).is_file() for name in _SAVED_MODEL)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One push at a time; the lock of a killed process is gone with it."""
    with (folder / _LOCK).open("w", encoding="utf-8") as lock:
        # Some network mounts have no locks. There, runs must not overlap, as the schedule sees to.
        with contextlib.suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _place(source: Path, staging: Path, target: Path) -> None:
    try:
        _copy_tree(source, staging, _copy_durably)
        if _files_digest(staging) != _files_digest(source):
            raise OSError(f"{staging}: the copy differs from {source}")
        staging.rename(target)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    _sync(target.parent)


def _copy_tree(source: Path, target: Path, copy_file: Callable[[Path, Path], None]) -> None:
    # Not shutil.copytree: it would carry over the permissions of a private temporary folder.
    target.mkdir(parents=True, exist_ok=True)
    for entry in sorted(source.iterdir()):
        if entry.is_dir():
            _copy_tree(entry, target / entry.name, copy_file)
        else:
            copy_file(entry, target / entry.name)
    _sync(target)


def _copy_durably(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    _sync(target)


def _link_file(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)  # never write through a link that is there already
    try:
        os.link(source.resolve(), target)
    except OSError:
        shutil.copyfile(source, target)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _files_digest(folder: Path) -> str:
    """SHA-256 over the relative paths, sizes and contents of all files."""
    sha = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        sha.update(f"{path.relative_to(folder).as_posix()}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                sha.update(chunk)
    return sha.hexdigest()
