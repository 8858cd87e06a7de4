"""The output folder of local runs: created, locked, the names in it, and its serving folder."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path

from components.run_outcome.summary import FILE
from models.errors import UserError
from models.user_files import read_bytes

METADATA = "metadata.sqlite"  # under the output folder


def writable(output: Path) -> Path:
    """The absolute output folder, created if it does not exist.

    Raises:
      UserError: it cannot be created or written to.
    """
    output = output.absolute()
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--output {output}: cannot be created: {error.strerror}", code="config-not-writable") from None
    if not os.access(output, os.W_OK):
        raise UserError(f"--output {output}: cannot be written to", code="config-not-writable")
    return output


@contextmanager
def locked(output: Path) -> Iterator[None]:
    """Holds the lock of the output folder: one run at a time. A killed run releases it.

    Raises:
      UserError: another run holds it.
    """
    with (output / ".lock").open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"--output {output}: another run is in progress there; wait for it or choose another folder",
                code="config-output-locked",
            ) from None
        yield


def new_run_id(output: Path) -> str:
    """The id of a run that begins now: the time in UTC, with a number where several begin in one second."""
    stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    taken = {path.name for path in (output / "runs").glob(f"{stamp}*")}
    return next(name for n in range(1000) if (name := f"{stamp}-{n}" if n else stamp) not in taken)


def point_latest(output: Path, run_id: str) -> None:
    """Makes ``runs/latest`` a link to this run, atomically."""
    staging = output / "runs" / ".latest"
    staging.unlink(missing_ok=True)
    staging.symlink_to(run_id)
    staging.replace(output / "runs" / "latest")


def serving_address(configured: str | None, output: Path) -> str:
    """The absolute folder or address of ``push.serving_dir``; default: ``serving/`` in the output folder."""
    if configured is None:
        return str(output / "serving")
    return configured if "://" in configured else str(Path(configured).absolute())


def serving_address_of_runs(output: Path, serving_dir: str | None = None) -> str:
    """The address of ``serving_dir``; default: the serving folder of the newest run under the output folder."""
    for path in sorted((output / "runs").glob(f"*/{FILE}"), reverse=True) if serving_dir is None else ():
        if not path.parent.is_symlink():
            with suppress(ValueError, KeyError, TypeError):  # of another release: a rollback must still work
                return serving_address(json.loads(read_bytes(path))["config"]["push"]["serving_dir"], output)
    return serving_address(serving_dir, output)
