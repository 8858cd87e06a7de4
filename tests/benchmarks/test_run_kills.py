import subprocess
import sys

import pytest


@pytest.mark.e2e
def test_the_next_run_ends_well_after_a_kill():
    command = [sys.executable, "-m", "benchmarks", "run_kills", "--kills", "1"]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=1800)
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert "every next run ended with a verdict" in ended.stdout
