"""A short form of the benchmark that kills pushes: every step, and some random moments."""

import re
import sys
from subprocess import run


def test_a_whole_version_serves_whatever_is_killed():
    command = [sys.executable, "-m", "benchmarks", "push_kills", "--kills", "25", "--scale", "0.02"]
    done = run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    steps = re.search(r"killed once at each of (\d+) steps", done.stdout)
    assert steps
    assert int(steps[1]) > 50, done.stdout
    assert "25 kills at random moments" in done.stdout
