"""A folder in an object store: what lies in it, and the bytes of its objects."""

import errno
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, BinaryIO

from components.storage.image_walk import File
from components.storage.object_stores import EXTRAS, explained, fault_of, open_object, open_store
from components.storage.skips import Skips
from components.storage.text_files import one_text
from models.errors import UserError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_CHECKSUMS = ("md5Hash", "crc32c", "ETag", "etag")  # Google's ETag is that of one upload
_TIMES = ("LastModified", "mtime", "updated", "created")
_CODES = {"no bucket": "data-folder-missing", "missing": "data-folder-missing", "unreachable": "data-unreachable"}


class StoreFolder:
    """See ``components.storage.folders.Folder``. Picklable: each process opens the store itself.

    A store that fails ends the run, whatever is asked of it: of an object that cannot be read, only one that is
    missing, or denied to keys that the store knows, is an ``OSError``.
    """

    def __init__(self, address: str) -> None:
        self.address = address

    def files(self, skips: Skips | None = None) -> list[File]:
        found = self._all()
        if not found:
            raise UserError(f"{self.address}: no such folder, or it is empty", code="data-folder-missing")
        files = {file.path: file for file in found}
        return [files[path] for path in (skips or Skips()).kept(files)]

    def names(self) -> list[str]:
        with self._user_errors():
            store, root = self._opened()
            store.invalidate_cache()
            try:
                listed = store.ls(root, detail=False)
            except FileNotFoundError as error:
                if (fault := fault_of(error)) and fault.kind == "no bucket":
                    raise
                return []
        return sorted({str(one).rstrip("/").rpartition("/")[2] for one in listed} - {""})

    def file(self, path: str) -> File:
        with self._user_errors(path):
            store, root = self._opened()
            store.invalidate_cache()
            about = store.info(f"{root}/{path}")
            if about["type"] != "file":
                raise FileNotFoundError(errno.ENOENT, "no such object", f"{self.address}/{path}")
            return _file(path, about)

    def named(self, paths: Iterable[str]) -> list[File]:
        texts = {one_text(path) for path in paths}  # a listing costs less than asking for each
        return [file for file in self._all() if one_text(file.path) in texts]

    def open(self, path: str) -> BinaryIO:
        with self._user_errors(path):
            store, root = self._opened()
        return open_object(store, f"{root}/{path}", lambda: self._user_errors(path))

    def digest(self, file: File, longest: int | None = None) -> str:
        """The checksum that the store keeps of an object, as listed; where it keeps none, when it was written."""
        del longest
        return file.changed.partition(" ")[2] or file.changed

    def leads_out(self, file: File) -> bool:
        return file.linked  # there are no links

    def _opened(self) -> "tuple[AbstractFileSystem, str]":
        store, root = open_store(self.address)
        return store, root.rstrip("/")

    def _all(self) -> list[File]:
        with self._user_errors():
            store, root = self._opened()
            store.invalidate_cache()
            found = store.find(root, detail=True)
        names = ((str(key)[len(root) + 1 :], about) for key, about in found.items())
        return sorted(_file(path, about) for path, about in names if path and not path.endswith("/"))

    @contextmanager
    def _user_errors(self, path: str = "") -> Iterator[None]:
        """Raises ``UserError`` for what the store says of itself or of the keys, ``OSError`` for one object's."""
        address = f"{self.address}/{path}" if path else self.address
        try:
            yield
        except Exception as error:
            extra = EXTRAS.get(address.partition("://")[0])
            if isinstance(error, ImportError):
                message = f"{address}: needs a library that is not installed: pip install 'siamese-pipeline[{extra}]'"
                raise UserError(message, code="data-unreadable") from None
            fault = fault_of(error)
            if fault is None:
                raise
            if path and fault.kind == "missing":
                raise FileNotFoundError(errno.ENOENT, "no such object", address) from None
            if path and fault.kind == "denied":
                raise PermissionError(errno.EACCES, "may not be read with these keys", address) from None
            raise UserError(explained(address, fault), code=_CODES.get(fault.kind, "data-unreadable")) from error


def _file(path: str, about: dict[str, Any]) -> File:
    """What a listing says of an object: ``changed`` is when it was written, in nanoseconds, and its checksum."""
    time = next((about[name] for name in _TIMES if about.get(name)), "")
    moment = datetime.fromisoformat(time.replace("Z", "+00:00")) if isinstance(time, str) and time else time
    written = str(int(moment.timestamp() * 10**9)) if isinstance(moment, datetime) else str(moment)
    checksum = next((str(about[name]) for name in _CHECKSUMS if about.get(name)), "")
    return File(path, int(about["size"]), f"{written} {checksum}".rstrip())
