"""The checks before a run, against real servers, files and programs where there are any."""

import json
import os
import subprocess
import sys
import threading
import time
import zipfile
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version

import beam_services
import grpc
import pytest
from apache_beam.options.pipeline_options import FlinkRunnerOptions

from models.errors import UserError
from pipeline.config.beam import BeamSettings, joined
from pipeline.runners.beam import checks

LONGEST = 30  # seconds to a message; 10 on a machine that does nothing else
BEAM = version("apache-beam")
DASK = "apache_beam.runners.dask.dask_runner.DaskRunner"


def settings(runner, *options, **fields):
    return BeamSettings(runner=runner, args=options, **fields)


def refusal(beam):
    """The error, which must come within seconds."""
    started = time.monotonic()
    with pytest.raises(UserError) as refused:
        checks.check_runner(beam, "/out")
    assert time.monotonic() - started < LONGEST
    assert "\n" not in str(refused.value)
    return refused.value


@pytest.fixture(scope="module")
def grpc_server():
    """A gRPC server that knows no service: all that the checks ask of a job service and of a pool."""
    server = grpc.server(futures.ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(0)


@pytest.fixture
def http_server():
    """Starts an HTTP server that answers every request with a JSON value."""
    servers = []

    def serving(answer):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                content = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"127.0.0.1:{server.server_port}"

    yield serving
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def nobody():
    return f"127.0.0.1:{beam_services.free_port()}"


@pytest.fixture
def java(tmp_path, monkeypatch):
    """A program of that name on the PATH: the checks do not start it."""
    program = tmp_path / "bin" / "java"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    return program


@pytest.fixture
def jar(tmp_path):
    """Writes a jar as Beam's are: with the version of its Beam."""

    def written(beam=BEAM, name=f"beam-runners-flink-1.19-job-server-{BEAM}.jar"):
        with zipfile.ZipFile(tmp_path / name, "w") as content:
            content.writestr("org/apache/beam/sdk/sdk.properties", f"# of the build\nversion={beam}\n")
        return str(tmp_path / name)

    return written


def test_the_default_is_not_checked_and_nothing_is_loaded_for_it():
    code = (
        "import sys; from pipeline.config import load_config; from pipeline.runners.beam.checks import check_runner; "
        "check_runner(load_config().beam, '/out'); print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"grpc", "httpx", "apache_beam", "tensorflow", "tfx"} & set(loaded)


def test_the_checks_of_other_runners_do_not_load_beam(grpc_server):
    code = (
        "import sys; from pipeline.config.beam import BeamSettings; "
        "from pipeline.runners.beam.checks import check_runner; "
        f"check_runner(BeamSettings(runner='PortableRunner', args=('--job_endpoint={grpc_server}', "
        "'--environment_type=LOOPBACK')), '/out'); print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "grpc" in loaded
    assert not {"apache_beam", "tensorflow", "tfx"} & set(loaded)


class TestRunners:
    @pytest.mark.parametrize("name", [DASK, "DaskRunner", "dask", "ray_beam.portability.ray_fn_runner.RayFnApiRunner"])
    def test_one_that_computes_wrongly_is_refused_by_name(self, name):
        refused = refusal(settings(name))
        assert refused.code == "beam-refused-runner"
        assert name in str(refused)

    @pytest.mark.parametrize("name", ["NoSuchRunner", "no.such.module.Runner", "apache_beam.NoSuchRunner"])
    def test_one_that_does_not_exist_is_refused_by_name(self, name):
        with pytest.raises(UserError, match=name) as refused:  # without a limit: it takes Beam to know
            checks.check_runner(settings(name), "/out")
        assert refused.value.code == "beam-unknown-runner"

    @pytest.mark.parametrize("name", ["DirectRunner", "direct", "BundleBasedDirectRunner"])
    def test_beams_own_in_this_process_need_nothing(self, name):
        checks.check_runner(settings(name), "/out")

    def test_a_class_by_its_full_name(self):
        checks.check_runner(settings("apache_beam.runners.runner.PipelineRunner"), "/out")

    @pytest.mark.parametrize("missing", ["project", "region", "temp_location", "sdk_container_image"])
    def test_dataflow_lacks_an_option(self, missing):
        given = {"project": "p", "region": "r", "temp_location": "gs://b/t", "sdk_container_image": "i"}
        options = (f"--{name}={value}" for name, value in given.items())
        checks.check_runner(settings("DataflowRunner", *options), "gs://bucket/out")
        del given[missing]
        refused = refusal(settings("DataflowRunner", *(f"--{name}={value}" for name, value in given.items())))
        assert refused.code == "beam-option"
        assert missing in str(refused)

    def test_dataflow_does_not_see_a_folder_of_this_machine(self):
        given = ("--project=p", "--region=r", "--temp_location=gs://b/t", "--sdk_container_image=i")
        refused = refusal(settings("DataflowRunner", *given))
        assert (refused.code, "/out" in str(refused)) == ("beam-refused-runner", True)


class TestJobService:
    @pytest.mark.parametrize("runner", ["PortableRunner", "FlinkRunner", "SparkRunner"])
    def test_none_answers(self, runner, nobody):
        refused = refusal(settings(runner, f"--job_endpoint={nobody}", "--environment_type=LOOPBACK"))
        assert refused.code == "beam-no-answer"
        assert f"--job_endpoint={nobody}" in str(refused)
        assert os.strerror(111) in str(refused)

    def test_a_server_of_another_protocol(self, http_server):
        refused = refusal(settings("PortableRunner", f"--job_endpoint={http_server({})}"))
        assert refused.code == "beam-no-answer"
        assert "gRPC" in str(refused)

    @pytest.mark.parametrize("endpoint", ["http://127.0.0.1:8099", "127.0.0.1", "no-such-host.invalid:8099"])
    def test_an_address_that_is_none(self, endpoint):
        refused = refusal(settings("PortableRunner", f"--job_endpoint={endpoint}"))
        assert refused.code == "beam-no-answer"
        assert endpoint in str(refused)

    def test_none_is_named(self):
        refused = refusal(settings("PortableRunner"))
        assert (refused.code, "--job_endpoint" in str(refused)) == ("beam-option", True)

    def test_one_answers(self, grpc_server):
        checks.check_runner(
            settings("PortableRunner", f"--job_endpoint={grpc_server}", "--environment_type=LOOPBACK"), "/out"
        )
        checks.check_runner(settings("PortableRunner", "--job_endpoint=embed", "--environment_type=LOOPBACK"), "/out")


class TestWorkers:
    def options(self, server, *others):
        return (f"--job_endpoint={server}", "--environment_type=EXTERNAL", *others)

    def test_no_pool_answers(self, grpc_server, nobody):
        options = self.options(grpc_server, f"--environment_config={nobody}")
        refused = refusal(settings("PortableRunner", *options))
        assert refused.code == "beam-no-answer"
        assert f"--environment_config={nobody}" in str(refused)
        checks.check_runner(settings("PortableRunner", *options, check_workers=False), "/out")

    @pytest.mark.parametrize(
        "option",
        [
            "--environment_config={}",
            '--environment_config={{"url": "{}"}}',
            "--environment_options=external_service_address={}",
        ],
    )
    def test_a_pool_answers(self, grpc_server, nobody, option):
        checks.check_runner(settings("PortableRunner", *self.options(grpc_server, option.format(grpc_server))), "/out")
        refused = refusal(settings("PortableRunner", *self.options(grpc_server, option.format(nobody))))
        assert nobody in str(refused)

    @pytest.mark.parametrize("config", [(), ("--environment_config={broken",), ("--environment_config={}",)])
    def test_no_pool_is_named(self, grpc_server, config):
        refused = refusal(settings("PortableRunner", *self.options(grpc_server, *config)))
        assert (refused.code, "--environment_config" in str(refused)) == ("beam-option", True)

    def test_a_pool_beside_the_workers_of_a_cluster_is_not_looked_for_here(self):
        elsewhere = settings("FlinkRunner", "--flink_master=http://flink.example:8081")
        assert checks._elsewhere(elsewhere)
        for master in ("localhost:8081", "http://127.0.0.1:8081", "[auto]"):
            assert not checks._elsewhere(settings("FlinkRunner", f"--flink_master={master}"))

    def test_containers_without_an_image_lack_this_package(self, grpc_server):
        refused = refusal(settings("PortableRunner", f"--job_endpoint={grpc_server}"))
        assert refused.code == "beam-option"
        checks.check_runner(
            settings("PortableRunner", f"--job_endpoint={grpc_server}", "--environment_config=image:1"), "/out"
        )

    def test_an_environment_that_does_not_exist(self, grpc_server):
        refused = refusal(settings("PortableRunner", f"--job_endpoint={grpc_server}", "--environment_type=EXTERN"))
        assert (refused.code, "EXTERNAL" in str(refused)) == ("beam-option", True)


class TestJobServerOfItsOwn:
    @pytest.mark.parametrize(("runner", "option"), [("FlinkRunner", "flink"), ("SparkRunner", "spark")])
    def test_no_java(self, runner, option, jar, tmp_path, monkeypatch):
        monkeypatch.setenv("PATH", str(tmp_path))
        refused = refusal(settings(runner, f"--{option}_job_server_jar={jar()}"))
        assert (refused.code, "Java" in str(refused)) == ("beam-no-job-server", True)

    @pytest.mark.parametrize("content", [None, b"no jar"])
    def test_no_jar(self, content, java, tmp_path):
        file = tmp_path / "server.jar"
        if content:
            file.write_bytes(content)
        refused = refusal(settings("FlinkRunner", f"--flink_job_server_jar={file}"))
        assert (refused.code, str(file) in str(refused)) == ("beam-no-job-server", True)

    def test_no_jar_and_no_way_to_download_one(self, java, nobody, tmp_path, monkeypatch):
        monkeypatch.setenv("HTTPS_PROXY", f"http://{nobody}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        refused = refusal(settings("FlinkRunner", f"--jar_cache_dir={tmp_path}"))
        assert (refused.code, "--flink_job_server_jar" in str(refused)) == ("beam-no-job-server", True)

    def test_a_jar_that_beam_has_downloaded_before(self, java, jar, tmp_path):
        jar()
        checks.check_runner(settings("FlinkRunner", f"--jar_cache_dir={tmp_path}", "--flink_version=1.19"), "/out")

    def test_a_jar_of_another_beam(self, java, jar):
        refused = refusal(settings("FlinkRunner", f"--flink_job_server_jar={jar(beam='2.1.0')}"))
        assert refused.code == "beam-versions"
        assert {"2.1.0", BEAM} <= set(str(refused).replace(",", " ").split())

    def test_all_is_there(self, java, jar):
        checks.check_runner(settings("FlinkRunner", f"--flink_job_server_jar={jar()}"), "/out")
        checks.check_runner(settings("SparkRunner", f"--spark_job_server_jar={jar()}"), "/out")


class TestClusters:
    def options(self, jar, master, *others):
        workers = ("--environment_type=LOOPBACK", *others)
        return (f"--flink_job_server_jar={jar}", f"--flink_master={master}", *workers)

    def test_flink_does_not_answer(self, java, jar, nobody):
        refused = refusal(settings("FlinkRunner", *self.options(jar(), nobody)))
        assert (refused.code, nobody in str(refused)) == ("beam-no-answer", True)

    def test_what_answers_is_no_flink(self, java, jar, http_server):
        for answer in ({"status": "UP"}, [], "flink"):
            refused = refusal(settings("FlinkRunner", *self.options(jar(), http_server(answer))))
            assert refused.code == "beam-no-answer"

    def test_flink_of_another_version(self, java, jar, http_server):
        refused = refusal(settings("FlinkRunner", *self.options(jar(), http_server({"flink-version": "1.18.1"}))))
        assert (refused.code, "1.18.1" in str(refused)) == ("beam-versions", True)

    def test_flink_of_the_jars_version(self, java, jar, http_server):
        master = f"http://{http_server({'flink-version': '1.19.1'})}/"
        checks.check_runner(settings("FlinkRunner", *self.options(jar(), master)), "/out")

    def test_flink_of_another_version_than_beam_takes_by_itself(self, java, jar, http_server, tmp_path):
        newest = FlinkRunnerOptions.PUBLISHED_FLINK_VERSIONS[-1]
        given = (f"--jar_cache_dir={tmp_path}", "--environment_type=LOOPBACK")
        for flink in (newest, "1.15"):
            jar(name=f"beam-runners-flink-{flink}-job-server-{BEAM}.jar")
        master = f"--flink_master={http_server({'flink-version': '1.15.4'})}"
        refused = refusal(settings("FlinkRunner", *given, master))
        assert (refused.code, newest in str(refused)) == ("beam-versions", True)
        checks.check_runner(settings("FlinkRunner", *given, master, "--flink_version=1.15"), "/out")

    def test_a_job_that_is_submitted_to_flink_itself_needs_no_java(self, jar, http_server, tmp_path, monkeypatch):
        monkeypatch.setenv("PATH", str(tmp_path))
        master = http_server({"flink-version": "1.19.1"})
        checks.check_runner(settings("FlinkRunner", *self.options(jar(), master, "--flink_submit_uber_jar")), "/out")

    def test_spark_does_not_answer(self, java, jar, nobody):
        given = f"--spark_job_server_jar={jar()}", "--environment_type=LOOPBACK"
        for options in (
            (f"--spark_master_url=spark://{nobody}",),
            ("--spark_submit_uber_jar", f"--spark_rest_url=http://{nobody}"),
        ):
            refused = refusal(settings("SparkRunner", *given, *options))
            assert (refused.code, nobody in str(refused)) == ("beam-no-answer", True)
        refused = refusal(settings("SparkRunner", *given, "--spark_submit_uber_jar"))
        assert refused.code == "beam-option"


def test_the_command_ends_with_one_line(nobody, tmp_path):
    """Before TFX is loaded, and before anything is recorded."""
    (tmp_path / "data" / "a").mkdir(parents=True)
    started = time.monotonic()
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pipeline", "run", "--data", tmp_path / "data", "--output", tmp_path / "output"),
            *("--beam", f"--runner PortableRunner --job_endpoint {nobody} --environment_type LOOPBACK"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert time.monotonic() - started < LONGEST
    assert done.returncode == 2
    assert "[beam-no-answer]" in done.stderr
    assert nobody in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "output" / "runs").exists()


def test_options_with_a_blank():
    assert joined(["--a", "1", "--b=2", "--c", "--d", "x=y", "--e"]) == ("--a=1", "--b=2", "--c", "--d=x=y", "--e")
