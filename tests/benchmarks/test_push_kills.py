"""A short form of the benchmark that kills pushes: every step, and some random moments."""

import os
import re
import sys
from subprocess import run


def test_a_whole_version_serves_whatever_is_killed():
    command = [sys.executable, "-m", "benchmarks", "push_kills", "--kills", "25", "--scale", "0.02"]
    memory = {"TMPDIR": "/dev/shm"} if os.access("/dev/shm", os.W_OK) else {}  # a kill is no power cut: it is as good
    done = run(command, capture_output=True, text=True, check=False, env={**os.environ, **memory})
    assert done.returncode == 0, done.stderr
    steps = re.search(r"killed once at each of (\d+) steps", done.stdout)
    assert steps
    assert int(steps[1]) > 50, done.stdout
    assert "25 kills at random moments" in done.stdout
