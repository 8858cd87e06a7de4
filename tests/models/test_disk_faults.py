import errno
import os
import sqlite3

import numpy as np
import pytest
import tensorflow as tf

from components.run_outcome.verdict import Outcome
from models.errors import disk_fault, memory_fault

FULL = "no space is left on the disk"


def wrapped(error: BaseException) -> RuntimeError:
    outer = RuntimeError("a node failed")
    outer.__cause__ = error
    return outer


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (OSError(errno.ENOSPC, "x", "/o/part"), f"/o/part: {FULL}"),
        (OSError(errno.EDQUOT, "x"), "the quota of the disk is used up"),
        (OSError(errno.EFBIG, "x", b"/o/\xff"), "/o/\udcff: the file would exceed the limit on the size of a file"),
        (OSError(errno.ENOSPC, "x", "/from", None, "/to"), f"/to: {FULL}"),
        (
            RuntimeError("Error when executing query: cannot commit - no transaction is active query: COMMIT;"),
            "the metadata store cannot be written: the disk is full, or fails",
        ),
        (OSError(errno.EIO, "x", "/o"), "/o: the disk reports an error of input or output"),
        (RuntimeError("OSError: [Errno 116] Stale file handle: '/o/x'"), "/o/x: the network file system has lost"),
        (OSError(errno.EROFS, "x", "/o"), "/o: the file system is read-only"),
        (sqlite3.OperationalError("database or disk is full"), FULL),
        (tf.errors.ResourceExhaustedError(None, None, "/o/variables.data; No space left on device"), None),
        (RuntimeError("OSError: [Errno 28] No space left on device: '/o/a b' [while running 'Write']"), "/o/a b: "),
        (OSError("Unable to create file (errno = 28, error message = 'No space left on device')"), FULL),
        (OSError("4096 requested and 512 written"), FULL),
    ],
)
def test_a_disk_that_takes_no_more_is_known_however_it_is_reported(error, fault):
    expected = f"/o/variables.data: {FULL}" if fault is None else fault
    assert disk_fault(error).startswith(expected)
    assert disk_fault(wrapped(wrapped(error))) == disk_fault(error)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)),
        tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor with shape[64,9999,9999,3]"),
        tf.errors.ResourceExhaustedError(None, None, "Out of memory while trying to allocate 9876543210 bytes."),
        RuntimeError("std::bad_alloc [while running 'Decode']"),
    ],
)
def test_memory_that_ran_out_is_known_however_it_is_reported(error):
    assert memory_fault(error)
    assert memory_fault(wrapped(error))
    assert disk_fault(error) is None
    outcome = Outcome.of_error(wrapped(error), run_id="1")
    assert (outcome.status, outcome.error_code, outcome.exit_code) == ("failed", "memory-exhausted", 1)
    assert "\n" not in outcome.sentence


@pytest.mark.parametrize(
    "error", [None, OSError(errno.ENOENT, "No such file", "/o"), ValueError("full"), MemoryError(), KeyboardInterrupt()]
)
def test_other_errors_are_none_of_the_disk(error):
    assert disk_fault(error) is None


@pytest.mark.skipif(not os.access("/dev/full", os.W_OK), reason="no /dev/full here")
def test_what_the_system_itself_reports(tmp_path):
    def raised(write):
        with pytest.raises(Exception) as error:  # noqa: PT011 - the libraries' own
            write("/dev/full")
        return disk_fault(error.value)

    def archive(path):
        with open(path, "wb") as file:  # noqa: PTH123
            np.savez(file, a=np.ones(9000))

    def lines(path):
        with open(path, "w") as file:  # noqa: PTH123
            file.write("x" * 100_000)

    assert FULL in raised(lines)
    assert FULL in raised(archive)
    assert FULL in raised(lambda path: tf.io.write_file(path, "x" * 100_000))
