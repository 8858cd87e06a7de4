import copy
import subprocess
import sys

import pytest
from good_pipeline import good
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.runners.kubeflow.check import findings, go_yaml


def check(folder, *arguments: str):
    command = [sys.executable, "-m", "pipeline", "kubeflow", "check", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def file(tmp_path):
    def written(change=lambda spec: None):
        spec, platform = good()
        change(spec)
        (tmp_path / "p.yaml").write_text(go_yaml.dump_all([spec, platform]))
        return tmp_path

    return written


def test_a_good_pipeline_has_no_finding_and_a_note_on_what_the_installation_decides(file):
    done = check(file(), "p.yaml")

    assert (done.returncode, done.stdout.count("\n"), done.stderr) == (0, 2, "")
    assert done.stdout.splitlines()[-1].startswith("note: which failures are tried again")


def test_each_finding_is_a_line(file):
    def plant(spec):
        spec["schemaVersion"] = "2.0.0"
        for executor in spec["deploymentSpec"]["executors"].values():
            executor["container"]["image"] = "a/b"

    done = check(file(plant), "p.yaml")

    assert done.returncode == 2
    error, warning = done.stdout.splitlines()
    assert error.startswith("error: the file: the schema version must be 2.1.0")
    where = "executor Pusher_executor, executor Source_executor, executor Trainer_executor"
    assert warning.startswith(f"warning: {where}: its image a/b may change")


def test_warnings_alone_are_no_failure(file):
    folder = file(lambda spec: spec.pop("defaultPipelineRoot"))

    done = check(folder, "p.yaml")
    assert done.returncode == 0
    assert done.stdout.startswith("warning: the file: ")
    assert done.stdout.splitlines()[-2].endswith("warnings: 1")
    assert "warning" not in check(folder, "p.yaml", "--pipeline-root", "gs://b/r").stdout


def test_a_missing_file_is_one_line_of_error(tmp_path):
    done = check(tmp_path, "p.yaml")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "p.yaml: cannot be read" in done.stderr
    assert "[kubeflow-file-unreadable]" in done.stderr


def paths(document, path=()):
    """The path of everything in a document."""
    yield path
    items = (
        document.items() if isinstance(document, dict) else enumerate(document if isinstance(document, list) else [])
    )
    for key, item in items:
        yield from paths(item, (*path, key))


PATHS = list(paths(list(good())))
JUNK = st.sampled_from([None, True, -1, 2.5, "", "x", "1e5", [], [None], ["a"], [{}], {}, {"a": 1}, {"": {"": []}}])


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(path=st.sampled_from(PATHS), junk=JUNK, remove=st.booleans())
def test_any_content_of_the_file_is_answered_with_findings(path, junk, remove):
    documents = copy.deepcopy(list(good()))
    if not path:
        documents = junk if isinstance(junk, list) else [junk]
    else:
        here = documents
        for key in path[:-1]:
            here = here[key]
        if remove:
            del here[path[-1]]
        else:
            here[path[-1]] = junk

    for finding in findings(documents):
        assert finding.where
        assert finding.message
        assert "\n" not in finding.where + finding.message
