import copy
import subprocess
import sys

import pytest
from good_pipeline import good
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.runners.kubeflow.check import go_yaml
from pipeline.runners.kubeflow.check.check import faults


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


def test_a_good_pipeline_is_told_in_one_line(file):
    done = check(file(), "p.yaml")

    assert (done.returncode, done.stdout, done.stderr) == (0, "p.yaml: no errors found\n", "")


def test_each_fault_is_a_line(file):
    def plant(spec):
        spec["schemaVersion"] = "2.0.0"
        for executor in spec["deploymentSpec"]["executors"].values():
            executor["container"]["image"] = "a/b"

    done = check(file(plant), "p.yaml")

    assert done.returncode == 2
    error, warning = done.stdout.splitlines()
    assert error.startswith("error: the file: the server takes schema version 2.1.0 only")
    where = "executor Pusher_executor, executor Source_executor, executor Trainer_executor"
    assert warning.startswith(f"warning: {where}: its image a/b may be another one tomorrow")


def test_warnings_alone_are_no_failure(file):
    folder = file(lambda spec: spec.pop("defaultPipelineRoot"))

    done = check(folder, "p.yaml")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "p.yaml: no errors found; warnings: 1")
    assert check(folder, "p.yaml", "--pipeline-root", "gs://b/r").stdout == "p.yaml: no errors found\n"


def test_a_file_that_is_not_there_is_told_in_one_line(tmp_path):
    done = check(tmp_path, "p.yaml")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "p.yaml: cannot be read: No such file or directory" in done.stderr


def places(document, path=()):
    """The path of everything in a document."""
    yield path
    items = (
        document.items() if isinstance(document, dict) else enumerate(document if isinstance(document, list) else [])
    )
    for key, item in items:
        yield from places(item, (*path, key))


PLACES = list(places(list(good())))
JUNK = st.sampled_from([None, True, -1, 2.5, "", "x", "1e5", [], [None], ["a"], [{}], {}, {"a": 1}, {"": {"": []}}])


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(place=st.sampled_from(PLACES), junk=JUNK, remove=st.booleans())
def test_whatever_is_in_the_file_is_answered_in_sentences(place, junk, remove):
    documents = copy.deepcopy(list(good()))
    if not place:
        documents = junk if isinstance(junk, list) else [junk]
    else:
        here = documents
        for key in place[:-1]:
            here = here[key]
        if remove:
            del here[place[-1]]
        else:
            here[place[-1]] = junk

    for fault in faults(documents):
        assert fault.where
        assert fault.sentence
        assert "\n" not in fault.where + fault.sentence
