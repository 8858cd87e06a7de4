"""The output folder of local runs: made, locked, and where things lie in it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path

from models.errors import UserError

METADATA = "metadata.sqlite"  # under the output folder


def writable(output: Path) -> Path:
    """The absolute output folder, made if need be.

    Raises:
      UserError: it cannot be made or written to.
    """
    output = output.absolute()
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--output {output}: cannot be made: {error.strerror}") from None
    if not os.access(output, os.W_OK):
        raise UserError(f"--output {output}: cannot be written to")
    return output


@contextmanager
def alone(output: Path) -> Iterator[None]:
    """One run at a time an output folder; a killed run leaves no lock behind."""
    with (output / ".lock").open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"--output {output}: another run is at work there; wait for it or choose another") from None
        yield


def new_run_id(output: Path) -> str:
    """A name for a run that begins now: the time in UTC, and a number where several begin in a second."""
    stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    taken = {path.name for path in (output / "runs").glob(f"{stamp}*")}
    return next(name for n in range(1000) if (name := f"{stamp}-{n}" if n else stamp) not in taken)


def point_latest(output: Path, run_id: str) -> None:
    """Makes ``runs/latest`` a link to this run, in one step."""
    link, staging = output / "runs" / "latest", output / "runs" / ".latest"
    with suppress(FileNotFoundError):
        staging.unlink()
    staging.symlink_to(run_id)
    staging.replace(link)
