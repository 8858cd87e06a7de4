"""Every error that a user can meet has a code of the table, every code of the table is raised, the page is current."""

import ast
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from models.error_codes import CODES
from models.errors import RejectedData, UserError

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [path for package in ("models", "components", "pipeline") for path in (ROOT / package).rglob("*.py")]
ERRORS = {"UserError", "RejectedData", "DataRefused", "TrainingFailed"}


def texts(path):
    """The strings of a module; the table itself has none that count."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_every_code_of_the_table_is_raised_somewhere():
    used = set().union(*(texts(path) for path in SOURCES if path.name != "error_codes.py"))
    assert not set(CODES) - used


def calls(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERRORS:
            yield node


def code_of(call):
    position = 3 if call.func.id == "RejectedData" else 1
    named = next((one.value for one in call.keywords if one.arg == "code"), None)
    return named or (call.args[position] if len(call.args) > position else None)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_error_has_a_code_of_the_table(path):
    for call in calls(path):
        code = code_of(call)
        assert code is not None, f"line {call.lineno}: no code"
        if isinstance(code, ast.Constant):
            assert code.value in CODES, f"line {call.lineno}: {code.value} is not in models/error_codes.py"


def test_the_reference_page_is_current():
    command = [sys.executable, ROOT / "scripts" / "generate_error_reference.py", "--check"]
    assert subprocess.run(command, check=False).returncode == 0


@pytest.mark.parametrize("error", [UserError("a.csv: bad", "data-manifest"), RejectedData("few", "csv", {"n": 1})])
def test_an_error_keeps_its_message_and_code_between_processes(error):
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - made here
    assert (type(again), str(again), again.code) == (type(error), str(error), error.code)
    assert again.code in CODES
