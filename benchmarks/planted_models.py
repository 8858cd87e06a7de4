"""Planted models (wrong, worse, equal and better) through the real gates: a table of their outcomes.

The models and their expected outcomes are in ``tests/e2e/test_planted_models.py``, which this runs. Arguments are
pytest's: ``-k group`` selects one.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
HEADER = ("| model | accuracy | outcome | refused by | reason |", "|---|---:|---|---|---|")


def main() -> int:
    """Prints the table; returns pytest's exit code."""
    command = [sys.executable, "-m", "pytest", "-s", "-q", "--all-planted", "tests/e2e/test_planted_models.py"]
    command += sys.argv[1:]
    print(*HEADER, sep="\n", flush=True)
    last = ""
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as tests:
        for line in tests.stdout or ():
            row = line.lstrip(".Fs")  # pytest's own marks stand in front
            if row.startswith("| "):
                print(row, end="", flush=True)
            last = line
    print(last, end="")
    return tests.returncode


if __name__ == "__main__":
    sys.exit(main())
