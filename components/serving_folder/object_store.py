"""Serving storage in an object store, through fsspec. No rename is atomic: ``saved_model.pb`` is written last."""

import contextlib
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO

from components.serving_folder.storage import (
    CHUNK,
    HISTORY,
    SAVED_MODEL,
    ModelFiles,
    ServingStorage,
    file_digests,
    version_numbers,
)
from components.storage.object_stores import EXTRAS, fault_of, open_object, open_store
from models.errors import UserError, chain

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_FACTS = ("size", "ETag", "etag", "md5Hash", "crc32c", "generation", "created", "mtime")  # of one store or another


class StoreFiles:
    """The objects below a key."""

    def __init__(self, store: "AbstractFileSystem", key: str) -> None:
        self._store, self._key = store, key

    def sizes(self) -> dict[str, int]:
        self._store.invalidate_cache()
        found = self._store.find(self._key, detail=True)
        names = {key[len(self._key) + 1 :]: info["size"] for key, info in found.items() if key.startswith(self._key)}
        return {name: int(names[name]) for name in sorted(names) if name and not name.endswith("/")}

    def states(self) -> dict[str, str]:
        """What changes with each object whenever it is written, by name: its checksum or generation, as listed."""
        self._store.invalidate_cache()
        found = self._store.find(self._key, detail=True)
        return {
            key: str([(fact, info[fact]) for fact in _FACTS if fact in info]) for key, info in sorted(found.items())
        }

    def open(self, name: str) -> BinaryIO:
        return open_object(self._store, f"{self._key}/{name}")


class ObjectStore(ServingStorage):
    """A version is complete once it has ``saved_model.pb``, which is written last and removed first."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._store, root = _opened(address)
        self._root = root.rstrip("/")
        self._never_replaces = False  # not known yet

    def numbers(self) -> set[int]:
        return version_numbers([PurePosixPath(key.rstrip("/")).name for key in self._list(self._root)])

    def is_complete(self, version: int) -> bool:
        self._store.invalidate_cache()
        return any(self._store.isfile(f"{self._key(version)}/{name}") for name in SAVED_MODEL)

    def files(self, version: int) -> StoreFiles:
        return StoreFiles(self._store, self._key(version))

    @contextlib.contextmanager
    def lock(self) -> Iterator[bool]:
        yield False  # no locks; a number is claimed by creating an object that must not exist

    def create(self) -> None:
        """Does nothing: object stores have no folders."""

    def check_space(self, needed: int) -> None:
        """Does nothing: object stores have no fixed size."""

    def clean(self, abandoned: Collection[int], locked: bool) -> None:  # noqa: ARG002
        for version in abandoned:
            self._delete(version)

    def put(self, source: ModelFiles, digests: Mapping[str, str], claim: Callable[[], int]) -> int:
        version = claim()
        last = [name for name in digests if name in SAVED_MODEL]
        try:
            for name in digests:
                if name not in last:
                    self._upload(source, name, version)
            self._verify(version, {name: digest for name, digest in digests.items() if name not in last})
            for name in last:
                with source.open(name) as file:  # one request: the object appears atomically
                    self._store.pipe_file(f"{self._key(version)}/{name}", file.read())
            self._verify(version, digests)
        except BaseException as error:
            if not _is_silent(error):
                with contextlib.suppress(Exception):  # otherwise a later push removes it
                    self._delete(version)
            raise
        return version

    def remove(self, version: int) -> None:
        self._delete(version)

    def fetch(self, version: int, target: Path) -> None:
        files = self.files(version)
        for name in files.sizes():
            copy = target / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.unlink(missing_ok=True)  # never write through a link that is there already
            with files.open(name) as original, copy.open("wb") as file:
                shutil.copyfileobj(original, file)

    def records(self) -> dict[str, bytes]:
        keys = [f"{self._root}/{HISTORY}/{name}" for name in self.record_names()]
        found = self._store.cat(keys, on_error="omit") if keys else {}  # at once, where the store can
        return {PurePosixPath(key).name: content for key, content in found.items()}

    def record_names(self) -> set[str]:
        return {PurePosixPath(key).name for key in self._list(f"{self._root}/{HISTORY}") if key.endswith(".json")}

    def add_record(self, name: str, content: bytes) -> bool:
        key = f"{self._root}/{HISTORY}/{name}"
        try:
            self._store.pipe_file(key, content, mode="create")  # conditional on the server, with s3fs and gcsfs
        except Exception as error:
            if _is_silent(error) or ((fault := fault_of(error)) and fault.kind == "credentials"):
                raise
            # Each store has its own exception for a name that is taken.
            self._store.invalidate_cache()
            if not self._store.exists(key):
                raise
            return bool(self._store.cat_file(key) == content)  # a request that was sent twice finds its own record
        self._check_conditions(key, content)
        return True

    def _check_conditions(self, key: str, content: bytes) -> None:
        """Creates a record a second time, once: a store that allows it gives two writers the same number."""
        if self._never_replaces:
            return
        try:
            self._store.pipe_file(key, content, mode="create")
        except Exception:  # noqa: BLE001 - each store has its own exception for a name that is taken
            self._never_replaces = True
            return
        message = "the store replaces objects where it must not: it ignores If-None-Match, and two runs could write one"
        right = "use a store with conditional writes, or a newer version of this one"
        raise UserError(f"{self.address}: {message} version; {right}", "model-store-replaces")

    def _key(self, version: int) -> str:
        return f"{self._root}/{version}"

    def _list(self, key: str) -> list[str]:
        self._store.invalidate_cache()
        try:
            # Some stores list an empty object that stands for the folder itself.
            return [one for one in map(str, self._store.ls(key, detail=False)) if one.strip("/") != key.strip("/")]
        except FileNotFoundError as error:
            if (fault := fault_of(error)) and fault.kind == "no bucket":
                raise
            return []

    def _upload(self, source: ModelFiles, name: str, version: int) -> None:
        with source.open(name) as original, self._store.open(f"{self._key(version)}/{name}", "wb") as file:
            shutil.copyfileobj(original, file, CHUNK)

    def _verify(self, version: int, digests: Mapping[str, str]) -> None:
        if file_digests(self.files(version)) != digests:
            raise OSError(f"{self.version_address(version)}: the upload differs from its source")

    def _delete(self, version: int) -> None:
        names = list(self.files(version).sizes())
        for name in sorted(names, key=lambda name: name not in SAVED_MODEL):  # saved_model.pb first
            with contextlib.suppress(FileNotFoundError):  # another writer removed it
                self._store.rm_file(f"{self._key(version)}/{name}")


def _is_silent(error: BaseException) -> bool:
    """Whether the store let a request wait until it was given up: another one would cost as much time."""
    return any(isinstance(one, TimeoutError) or "Timeout" in type(one).__name__ for one in chain(error))


def _opened(address: str) -> tuple["AbstractFileSystem", str]:
    protocol = address.partition("://")[0]
    try:
        return open_store(address)
    except ImportError as error:
        extra = EXTRAS.get(protocol)
        what = f"pip install 'siamese-pipeline[{extra}]'" if extra else str(error)
        message = f"{address}: {protocol}:// needs a library that is not installed: {what}"
        raise UserError(message, "model-store-library") from None
    except ValueError as error:
        raise UserError(f"{address}: not the URL of a serving folder: {error}", "model-bad-url") from None
    except OSError as error:
        raise UserError(f"{address}: cannot be reached: {error.strerror or error}", "model-unreachable") from None
