"""The codes of users' errors: each is in the table, with the documentation generated from it."""

import re
import subprocess
import sys
from pathlib import Path

from models.error_codes import CODES

ROOT = Path(__file__).resolve().parents[2]
PREFIXES = ("config", "data", "model", "train", "serve", "kubeflow", "beam")


def test_every_code_in_the_source_is_in_the_table():
    used = {
        code
        for package in ("components", "models", "pipeline")
        for file in (ROOT / package).rglob("*.py")
        for code in re.findall(rf'\bcode="((?:{"|".join(PREFIXES)})-[a-z-]+)"', file.read_text(encoding="utf-8"))
    }
    assert used
    assert used - CODES.keys() <= {"data-rejected"}  # the default of RejectedData


def test_a_code_has_an_area_a_cause_and_a_remedy():
    for code, entry in CODES.items():
        assert re.fullmatch(rf"({'|'.join(PREFIXES)})(-[a-z0-9]+)+", code)
        assert entry.cause.endswith(".")
        assert entry.remedy.endswith(".")


def test_the_reference_page_is_current():
    done = subprocess.run([sys.executable, "scripts/reference.py", "--check"], cwd=ROOT, check=False)
    assert done.returncode == 0
