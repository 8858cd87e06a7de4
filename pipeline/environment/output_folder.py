"""The output folder of local runs: created, locked, the names in it, and its serving folder."""

import json
import os
import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import datetime, timezone
from functools import cache
from pathlib import Path
from urllib.parse import quote

from components.run_outcome.summary import FILE
from components.storage.folder_lock import held
from components.storage.skips import OUTPUT_MARKER
from models.addresses import is_address, is_plain
from models.checksums import damage, write_checksums
from models.errors import UserError
from models.user_files import read_bytes

METADATA, DIGESTS = "metadata.sqlite", "digests.json"  # under the output folder
_METADATA_CHECKSUM = ".metadata.checksums.json"

WORKING_FOLDER = "/proc/self/cwd"  # this process's, and of each one that it starts


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


def mark(output: Path, images: str | None) -> None:
    """Writes the marker by which an output folder that lies among images is known, and passed over.

    Raises:
      UserError: the output folder is that of the images itself.
    """
    if images and Path(images).is_dir() and Path(images).resolve() == output.resolve():
        raise UserError(
            f"--output {output}: is the folder of the images; choose another, e.g. {output / 'output'}",
            code="config-output-is-data",
        )
    if not (output / OUTPUT_MARKER).exists():
        (output / OUTPUT_MARKER).write_text("What lies here was written by siamese, and is not read as images.\n")


@contextmanager
def plain_name(output: Path) -> Iterator[Path]:
    """The output folder by a name that is no pattern: its own, or that of the working folder, which it becomes.

    TFX has artifacts read as ``<uri>/*``, and Beam as well as TensorFlow take that for a pattern: below ``out[1]``
    nothing would be found, and below ``q?r`` the files of ``qar`` too. ``pipeline.runs.metadata`` translates back.
    """
    if is_plain(output):
        yield output
        return
    before = Path.cwd()
    os.chdir(output)
    try:
        yield Path(WORKING_FOLDER)
    finally:
        os.chdir(before)


def own_name(uri: str, output: Path) -> str:
    """The address of an artifact by the output folder's own name, where ``plain_name`` gave another."""
    return str(output.absolute()) + uri[len(WORKING_FOLDER) :] if uri.startswith(f"{WORKING_FOLDER}/") else uri


def name_to_read(uri: str, output: Path) -> str:
    """The address of an artifact by a name that is no pattern, to be read by this process in any working folder."""
    return _opened(output.absolute()) + uri[len(WORKING_FOLDER) :] if uri.startswith(f"{WORKING_FOLDER}/") else uri


@cache
def _opened(output: Path) -> str:
    return f"/proc/self/fd/{os.open(output, os.O_RDONLY | os.O_DIRECTORY)}"  # until this process ends


@contextmanager
def locked(output: Path) -> Iterator[None]:
    """Holds the lock of the output folder: one run at a time. A killed run releases it.

    Raises:
      UserError: another run holds it.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(held(output))
        except BlockingIOError:
            raise UserError(
                f"--output {output}: another run is in progress there; wait for it or choose another folder",
                code="config-output-locked",
            ) from None
        yield


def check_metadata(output: Path) -> None:
    """Checks the metadata store of an output folder, if there is one.

    Its checksum is of a run that has ended; after one that was killed there is none, and SQLite's own check decides.

    Raises:
      UserError: it is damaged, or cannot be read.
    """
    store, checksum = output / METADATA, output / _METADATA_CHECKSUM
    if not os.path.lexists(store):
        checksum.unlink(missing_ok=True)
        return
    if checksum.exists() and (changed := damage(store, checksum)):
        replaced = f"if it was replaced on purpose, remove {checksum}"
        raise damaged_metadata(store, f"{changed} since the last run; {replaced}")
    try:
        # Writable: SQLite may have to undo what a killed run had begun to write.
        with closing(sqlite3.connect(f"file:{quote(str(store.absolute()))}?mode=rw", uri=True)) as connection:
            found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(1)")]
    except sqlite3.Error as error:
        found = [str(error)]
    if found != ["ok"]:
        raise damaged_metadata(store, " ".join(found[0].split()))


@contextmanager
def written_metadata(output: Path) -> Iterator[None]:
    """Within it the metadata store is written to; afterwards it has a checksum."""
    store, checksum = output / METADATA, output / _METADATA_CHECKSUM
    checksum.unlink(missing_ok=True)
    try:
        yield
    finally:
        if store.is_file():
            with suppress(OSError):  # of a full disk
                write_checksums(store, checksum)


def damaged_metadata(store: Path, why: str) -> UserError:
    """The error of a metadata store that cannot be used."""
    return UserError(
        f"{store}: the metadata store is damaged or cannot be read ({why}); move it away: mv {shlex.quote(str(store))} "
        f"{shlex.quote(f'{store}.damaged')}; what serves and the summaries of the runs remain, and the next run makes "
        "every artifact again",
        code="config-damaged-metadata",
    )


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
    return configured if is_address(configured) else str(Path(configured).absolute())


def serving_address_of_runs(output: Path, serving_dir: str | None = None) -> str:
    """The address of ``serving_dir``; default: the serving folder of the newest run under the output folder."""
    for path in sorted((output / "runs").glob(f"*/{FILE}"), reverse=True) if serving_dir is None else ():
        if not path.parent.is_symlink():
            with suppress(ValueError, KeyError, TypeError):  # of another release: a rollback must still work
                return serving_address(json.loads(read_bytes(path))["config"]["push"]["serving_dir"], output)
    return serving_address(serving_dir, output)
