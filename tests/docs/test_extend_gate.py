"""docs/how-to/extend.md, "Add a gate": one folder and one line, and every view has the new gate's refusal."""

import json
import os
import subprocess
import sys

import pytest
from extend_page import PROJECT, follow


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    return tmp_path_factory.mktemp("copy")


@pytest.fixture(scope="module")
def changed(copy):
    return [path.relative_to(copy) for path in follow("Add a gate", copy)]


@pytest.fixture(scope="module")
def in_copy(copy, changed):
    """Runs Python in the copy, whose project comes before this one."""

    def run(*arguments) -> subprocess.CompletedProcess[str]:
        paths = [copy, copy / "tests" / "components", PROJECT / "tests" / "docs"]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
        command = [sys.executable, *map(str, arguments)]
        return subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)

    return run


def test_a_gate_is_one_folder_its_test_and_one_file_of_wiring(changed):
    outside = {str(path) for path in changed if "gates/separation" not in str(path)}
    assert outside == {"pipeline/graph.py"}


def test_the_pages_own_test_passes(in_copy):
    done = in_copy("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/components/gates/separation")
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


def test_the_code_of_the_page_is_as_the_rest(in_copy, changed):
    done = in_copy("-m", "ruff", "check", "--no-cache", *[path for path in changed if path.suffix == ".py"])
    assert done.returncode == 0, done.stdout


def test_a_refusal_of_the_new_gate_is_in_every_view(in_copy, copy, tmp_path):
    done = in_copy(PROJECT / "tests" / "docs" / "new_gate_run.py", tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    graph, passed, refused = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]

    assert graph["project"] == str(copy / "components")  # not this project
    assert graph["wired"].keys() == {"ModelCard", "Pusher", "Outcome"}
    assert set(graph["cluster"]) == {"ModelCard", "Pusher", "Outcome"}

    (gate,) = refused["summary"]["gates"]
    assert (gate["name"], gate["passed"]) == ("separation", False)
    assert refused["outcome"]["gates"] == [gate]
    for view in ("summary", "outcome"):
        assert (refused[view]["status"], refused[view]["exit_code"]) == ("refused", 3)
        assert (passed[view]["status"], passed[view]["exit_code"]) == ("pushed", 0)
    assert gate["reason"] in " ".join(refused["terminal"].split())
    assert "Refused" in refused["terminal"]
    assert (len(passed["served"]), refused["served"]) == (1, [])
