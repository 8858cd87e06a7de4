"""Object stores (``s3://``, ``gs://``) through fsspec: opened with bounded waiting, their errors in one vocabulary.

An ``s3://`` store that does not answer is given up within ``_READ_SECONDS`` times the attempts. ``FSSPEC_S3``, a JSON
object in the environment, overrides what is set here, as fsspec documents it.
"""

import errno
import io
import os
import re
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, NamedTuple, cast

from models.errors import chain, first_line

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs"}  # of this project, by scheme

_CONNECT_SECONDS, _READ_SECONDS = 5, 10  # without a byte
_ATTEMPTS = 3
_BLOCK = 4 << 20  # bytes that one request reads ahead
_READS, _READING_SECONDS = 5, 20.0  # tries of one read whose connection is cut, as long as they take so little

# Codes of S3 for keys that no other request would be granted with either.
_BAD_KEYS = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "RequestTimeTooSkewed")
# Of botocore's messages: the address with the query of the request.
_ENDPOINT = re.compile(r"( on|:| to the)? endpoint URL: \S+")
_PHRASES = {
    "credentials": ("the store accepts no credentials from this process", "set the keys that its library reads"),
    "denied": ("these credentials may not do that", "give them the right, or name another address"),
    "no bucket": ("there is no such bucket", "create it, or correct the address"),
    "missing": ("there is no such object", "correct the address"),
    "unreachable": ("the store does not answer as it should", "check that it runs, its address and the network"),
}
_LIBRARIES = ("aiobotocore", "aiohttp", "asyncio", "botocore", "fsspec", "gcsfs", "google", "requests", "urllib3")


class Fault(NamedTuple):
    """Why a store did not do what it was asked.

    Attributes:
      kind: "credentials": it knows no such keys, or there are none; "denied": these keys may not do it; "no bucket";
        "missing": there is no such object; "unreachable": it does not answer, or with an error of its own.
      reason: what its library says, in one line.
    """

    kind: Literal["credentials", "denied", "no bucket", "missing", "unreachable"]
    reason: str


def fault_of(error: Exception) -> Fault | None:
    """What an exception of a store's library says of the store; None if it says nothing of one."""
    code, reason = _code(error), getattr(error, "strerror", None) or first_line(error)
    if code in _BAD_KEYS or "Credentials" in type(error).__name__:  # each library has a class of its own
        return Fault("credentials", reason)
    if code == "NoSuchBucket":
        return Fault("no bucket", reason)
    if isinstance(error, FileNotFoundError):
        return Fault("missing", reason)
    if isinstance(error, PermissionError):
        return Fault("denied", reason)
    ours = type(error).__module__.partition(".")[0] in _LIBRARIES
    if isinstance(error, (ConnectionError, TimeoutError)) or ours or code:
        return Fault("unreachable", reason)
    return None


def explained(address: str, fault: Fault) -> str:
    """One line for a user: the address, what is wrong, where the requests went, and what would be right."""
    what, right = _PHRASES[fault.kind]
    reason = _ENDPOINT.sub("", fault.reason).rstrip(". ")
    return f"{address}: {what}{_endpoint_of(address)}: {reason}; {right}"


def _endpoint_of(address: str) -> str:
    """Where the requests for an address go, as a clause; empty where only the library knows."""
    set_by = next((name for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL") if os.environ.get(name)), None)
    if set_by is None or EXTRAS.get(address.partition("://")[0]) != "s3":
        return ""
    return f" (at {os.environ[set_by]}, from {set_by})"


def open_store(address: str) -> tuple["AbstractFileSystem", str]:
    """(the file system of a store, the path in it) of an address; asks the store for nothing.

    Raises:
      ImportError: the library for this kind of store is not installed.
      ValueError: it is not the address of any kind of store.
      OSError: the library needs something that is not there.
    """
    from fsspec.core import url_to_fs  # takes a quarter of a second; needed for object stores only

    speaks_s3 = EXTRAS.get(address.partition("://")[0]) == "s3"
    opened: tuple[Any, str] = url_to_fs(address, **(_s3_options() if speaks_s3 else {}))
    if speaks_s3:
        from botocore.handlers import add_expect_header

        opened[0].retries = 1  # of s3fs, around the attempts of the client below it
        # aiohttp waits for the answer to "Expect: 100-continue" without an end.
        opened[0].s3.meta.events.unregister("before-call.s3", add_expect_header)
    return opened


def open_object(
    store: "AbstractFileSystem", key: str, errors: Callable[[], AbstractContextManager[None]] = nullcontext
) -> BinaryIO:
    """An object, opened for reading; it can be sought in. Asks for nothing before the first read.

    Args:
      errors: replaces what the library of the store raises, around each request.
    """
    return cast(BinaryIO, io.BufferedReader(_Object(store, key, errors), _BLOCK))


class _Object(io.RawIOBase):
    """The bytes of an object by ranges: a read whose connection is cut is tried again."""

    def __init__(
        self, store: "AbstractFileSystem", key: str, errors: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._store, self._key, self._errors = store, key, errors
        self._position, self._end = 0, -1

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_END:
            with self._errors():
                self._end = int(self._store.info(self._key)["size"])
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._end}[whence]
        if start + offset < 0:
            raise OSError(errno.EINVAL, "before the beginning", self._key)
        self._position = start + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        wanted = len(buffer) if self._end < 0 else min(len(buffer), self._end - self._position)
        if wanted <= 0:
            return 0
        with self._errors():
            data = self._read(wanted)
        buffer[: len(data)] = data
        self._position += len(data)
        if len(data) < wanted:
            self._end = self._position
        return len(data)

    def _read(self, wanted: int) -> bytes:
        begun = time.monotonic()
        for tries in range(1, _READS):
            data = self._read_once(wanted, last=time.monotonic() - begun > _READING_SECONDS)
            if data is not None:
                return data
            time.sleep(0.1 * 2**tries)
        return self._read_once(wanted, last=True) or b""

    def _read_once(self, wanted: int, last: bool) -> bytes | None:
        """The bytes; None if the store failed in a way that may be over at the next try, unless this is the last."""
        try:
            return bytes(self._store.cat_file(self._key, start=self._position, end=self._position + wanted))
        except Exception as error:
            if _code(error) in ("InvalidRange", "416"):  # it ends here
                return b""
            fault = fault_of(error)
            if last or fault is None or fault.kind != "unreachable":
                raise
            return None


def _s3_options() -> dict[str, Any]:
    from fsspec.config import conf

    config = {
        "connect_timeout": _CONNECT_SECONDS,
        "read_timeout": _READ_SECONDS,
        "retries": {"mode": "standard", "total_max_attempts": _ATTEMPTS},
    }
    return {"config_kwargs": config | {key: one for s3 in ("s3", "s3a") for key, one in _of(conf, s3).items()}}


def _of(conf: Any, scheme: str) -> dict[str, Any]:
    return dict(conf.get(scheme, {}).get("config_kwargs", {}))


def _code(error: Exception) -> str:
    """The code of an answer: S3's, as ``NoSuchBucket``, or gcsfs's number; empty for anything else."""
    for one in chain(error):
        response = getattr(one, "response", None)
        if isinstance(response, dict):
            return str(response.get("Error", {}).get("Code", ""))
        if type(one).__module__.startswith("gcsfs"):
            return str(getattr(one, "code", ""))
    return ""
