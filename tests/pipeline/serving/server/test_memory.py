"""What was freed goes back to the system."""

import subprocess
import sys

import pytest

from pipeline.serving.server import memory

# Blocks of 5 MB between small ones that stay: the heap cannot shrink from its end.
_HOLES = """
import resource, sys
from pathlib import Path
from pipeline.serving.server.memory import bound_arenas, trim

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6

bound_arenas()
before, kept = resident(), []
for _ in range(4):
    blocks = []
    for number in range(20):
        blocks.append(bytearray(5_000_000 + number * 100_000))
        kept.append(bytearray(1000))
    del blocks
trim()
print(resident() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the C library of Linux")
def test_holes_between_what_is_kept_do_not_add_up():
    done = subprocess.run([sys.executable, "-c", _HOLES], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 20


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda _: object())
    memory.bound_arenas()
    memory.trim()
