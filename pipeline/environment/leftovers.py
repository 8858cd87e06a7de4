"""What a killed run leaves behind, so that it does not add up: temporary files, and artifacts that were never finished.

The next run into the same output folder removes it; both hold the lock of the output folder.
"""

import hashlib
import os
import platform
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

_NAME = "siamese-run-"


@contextmanager
def temporary_folder(output: Path) -> Iterator[Path]:
    """The folder of a run's temporary files, also of its libraries' and its children's; empty at first.

    It is one of this user's for each output folder, below the system's (``TMPDIR``), and is removed at the end.
    """
    key = hashlib.sha256(os.fsencode(f"{platform.node()}:{output.resolve()}")).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"{_NAME}{os.getuid()}-{key}"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:  # of another user, who may have guessed the name
        folder = Path(tempfile.mkdtemp(prefix=_NAME))
    before, tempfile.tempdir = (os.environ.get("TMPDIR"), tempfile.tempdir), str(folder)
    os.environ["TMPDIR"] = str(folder)
    try:
        yield folder
    finally:
        variable, tempfile.tempdir = before
        if variable is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = variable
        shutil.rmtree(folder, ignore_errors=True)


def remove_unfinished(artifacts: Path, executions: Collection[int]) -> None:
    """Removes the artifacts of executions that did not end, and the working folders of all."""
    # <node>/<output>/<execution>, <node>/.checksums/<output>/<execution>.json, <node>/.system/<kind>/<execution>
    for path in (*artifacts.glob("*/*/*"), *artifacts.glob("*/.*/*/*")):
        number = path.name.lstrip(".").partition(".")[0]
        if path.parent.name == "stateful_working_dir" or (number.isdecimal() and int(number) in executions):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
