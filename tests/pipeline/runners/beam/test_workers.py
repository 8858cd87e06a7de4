"""The job before the pipeline, on Beam's own job service and pools of workers in processes of their own."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import apache_beam as beam
import beam_services
import pytest

import pipeline
from components.run_outcome.verdict import one_line
from models.errors import UserError
from pipeline.config.beam import BeamSettings
from pipeline.runners.beam.workers import check_workers, differences, versions

ROOT = Path(pipeline.__file__).parents[1]


def settings(services):
    return BeamSettings(runner="PortableRunner", args=tuple(services.options))


@pytest.fixture(scope="module")
def services(tmp_path_factory):
    with beam_services.services(tmp_path_factory.mktemp("logs")) as running:
        yield running


def test_workers_of_the_same_environment(services, tmp_path):
    check_workers(settings(services), tmp_path / "artifacts")
    assert not list((tmp_path / "artifacts").iterdir())


def test_workers_that_do_not_see_the_folder(tmp_path):
    """A pool whose mount namespace has another disk in its place."""
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    apart = ["unshare", "--mount", "sh", "-c", f"mount -t tmpfs none '{hidden}' && exec \"$@\"", "sh"]
    if not shutil.which("unshare") or subprocess.run([*apart, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no right to give the pool another disk: it takes root, outside of a chroot")
    with (
        beam_services.services(tmp_path, pool_command=apart) as services,
        pytest.raises(UserError) as refused,
    ):
        check_workers(settings(services), hidden)
    assert refused.value.code == "beam-workers"
    assert str(hidden) in str(refused.value)


def test_what_is_not_begun_by_a_cluster_is_not_checked(tmp_path):
    check_workers(BeamSettings(), tmp_path)
    loopback = ("--job_endpoint=127.0.0.1:1", "--environment_type=LOOPBACK")
    check_workers(BeamSettings(runner="PortableRunner", args=loopback), tmp_path)


def test_workers_with_other_code(tmp_path):
    """A pool that imports the packages of another checkout."""
    for package in ("components", "configs", "models", "pipeline"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "components" / "image_example_gen" / "transforms.py").open("a") as file:
        file.write("OTHER = True\n")
    with (
        beam_services.services(tmp_path, {"PYTHONPATH": str(tmp_path)}) as services,
        pytest.raises(UserError) as refused,
    ):
        check_workers(settings(services), tmp_path)
    assert refused.value.code == "beam-versions"
    assert versions()["siamese-pipeline"] in str(refused.value)
    assert "\n" not in str(refused.value)


def test_workers_that_cannot_begin(tmp_path):
    """Their Python has no Beam; Beam itself would wait for them without end."""
    bare = tmp_path / "bin" / "python"
    bare.parent.mkdir()
    bare.write_text(f"#!/bin/sh\nexec '{sys.executable}' -I -S \"$@\"\n")
    bare.chmod(0o755)
    started = time.monotonic()
    with (
        beam_services.services(tmp_path, {"PATH": str(bare.parent)}) as services,
        pytest.raises(UserError) as refused,
    ):
        check_workers(settings(services), tmp_path, patience=10)
    assert refused.value.code == "beam-workers"
    assert time.monotonic() - started < 120


def test_the_cause_of_a_failure_in_a_worker_is_shown(services):
    """Beam reports it within a log of several tracebacks."""
    job = beam.Pipeline(argv=settings(services).pipeline_args)
    job | beam.Create(["seventeen"]) | "Read" >> beam.Map(int)
    with pytest.raises(Exception, match="Traceback") as failed:
        job.run().wait_until_finish()
    assert len(str(failed.value)) > 2000
    line = one_line(failed.value)
    assert line.startswith("ValueError: invalid literal for int() with base 10: 'seventeen'")
    assert "Read" in line


@pytest.mark.parametrize("kind", ["EXTERNAL", "LOOPBACK", "PROCESS", "DOCKER"])
@pytest.mark.parametrize("runner", ["PortableRunner", "FlinkRunner", "SparkRunner"])
def test_tfx_packages_nothing_for_workers_that_have_the_package(runner, kind):
    from tfx.utils.dependency_utils import make_beam_dependency_flags

    options = ("--job_endpoint=h:1", f"--environment_type={kind}", "--environment_config=x:1")
    args = BeamSettings(runner=runner, args=options).pipeline_args
    assert make_beam_dependency_flags(args) == args


def test_differences_are_named():
    ours = {"Python": "3.13", "apache-beam": "2.61.0", "tfx": "1.16.0"}
    assert differences(ours, ours) == ""
    found = differences(ours, {"Python": "3.12", "apache-beam": "2.61.0"})
    assert "Python 3.12" in found
    assert "3.13" in found
    assert "tfx" in found
    assert "apache-beam" not in found
