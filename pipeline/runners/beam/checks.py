"""What a runner of Beam's needs, checked before a run begins: each failure is one line within seconds.

Beam is imported only to look up a runner that is not in the tables here, or which Flink it takes by itself.
"""

import re
from collections.abc import Callable
from importlib.util import find_spec

from models.addresses import is_address
from models.errors import UserError, first_line
from models.library_environment import loading
from pipeline.config.beam import LOCAL_FLINK, BeamSettings
from pipeline.runners.beam.endpoints import check_connection, check_grpc, flink_version, is_local
from pipeline.runners.beam.job_server import check_jar, check_java

_ENVIRONMENTS = ("DOCKER", "EXTERNAL", "LOOPBACK", "PROCESS")
_NO_RAY = "its package, ray-beam 0.0.1 of 2022, cannot be imported beside this Beam"
_REFUSED = {
    "dask": "it computes wrongly: tagged outputs reach every consumer, what finish_bundle emits is lost, and a "
    "scheduler that was killed counts as done (seen with Beam 2.77)",
    "ray": _NO_RAY,
    "rayfnapi": _NO_RAY,
}
_INSTEAD = "take FlinkRunner, SparkRunner, or PortableRunner with a job service"


def check_runner(beam: BeamSettings, artifacts: str) -> None:
    """Checks that the runner is there and answers; does nothing for the default, which is in this process.

    Args:
      beam: the runner and its options.
      artifacts: where they are written to, a path or an address.

    Raises:
      UserError: it is unknown or computes wrongly, an option, Java or its jar is missing, a server does not answer, or
        versions disagree.
    """
    if beam.in_process:
        return
    if reason := _REFUSED.get(beam.kind):
        raise UserError(f"beam.runner {beam.runner}: {reason}; {_INSTEAD}", code="beam-refused-runner")
    if check := _CHECKS.get(beam.kind):
        check(beam, artifacts)
    elif not beam.known:
        _check_known(beam.runner)


def _check_portable(beam: BeamSettings, _artifacts: str) -> None:
    _check_job_service(beam)
    _check_workers(beam)


def _check_flink(beam: BeamSettings, _artifacts: str) -> None:
    if beam.options.get("job_endpoint"):
        _check_job_service(beam)
    else:
        master = beam.options.get("flink_master", LOCAL_FLINK[0])
        wanted = beam.options.get("flink_version")
        if not (wanted or beam.options.get("flink_job_server_jar")):
            wanted = _newest_flink()
        jar = check_jar(beam, "flink_job_server_jar", f"beam-runners-flink-{wanted}-job-server-{{}}.jar")
        if master in LOCAL_FLINK or "flink_submit_uber_jar" not in beam.options:
            check_java(beam)
        if master not in LOCAL_FLINK:
            _check_flink_version(beam, flink_version("--flink_master", master), jar, wanted)
    _check_workers(beam)


def _check_spark(beam: BeamSettings, _artifacts: str) -> None:
    if beam.options.get("job_endpoint"):
        _check_job_service(beam)
    else:
        check_jar(beam, "spark_job_server_jar", "beam-runners-spark-3-job-server-{}.jar")
        if "spark_submit_uber_jar" in beam.options:
            rest = _required(beam, "spark_rest_url", "http://HOST:6066")
            check_connection("--spark_rest_url", rest, "REST server of Spark")
        else:
            check_java(beam)
            master = beam.options.get("spark_master_url", "local")
            if master.startswith("spark://"):
                check_connection("--spark_master_url", master, "master of Spark")
    _check_workers(beam)


def _check_dataflow(beam: BeamSettings, artifacts: str) -> None:
    if not find_spec("apitools"):
        raise UserError(
            f"beam.runner {beam.runner}: Beam's part for Google Cloud is missing: pip install 'apache-beam[gcp]'",
            code="beam-unknown-runner",
        )
    for name, example in (("project", "PROJECT"), ("region", "europe-west1"), ("temp_location", "gs://BUCKET/tmp")):
        _required(beam, name, example)
    if not beam.packages_code:
        raise _missing(beam, "--sdk_container_image=IMAGE, with this package and Beam's boot program in it")
    if not is_address(artifacts):
        raise UserError(
            f"beam.runner {beam.runner}: its machines mount no disk of yours, and artifacts go to {artifacts}; take "
            "a cluster that mounts it, with FlinkRunner or SparkRunner",
            code="beam-refused-runner",
        )


_CHECKS: dict[str, Callable[[BeamSettings, str], None]] = {
    "portable": _check_portable,
    "flink": _check_flink,
    "spark": _check_spark,
    "dataflow": _check_dataflow,
}


def _check_job_service(beam: BeamSettings) -> None:
    endpoint = _required(beam, "job_endpoint", "HOST:PORT")
    if endpoint != "embed":
        check_grpc("--job_endpoint", endpoint, "job service")


def _check_workers(beam: BeamSettings) -> None:
    """Checks the environment of a portable runner's workers."""
    kind = beam.environment
    if kind not in _ENVIRONMENTS and not kind.startswith("beam:env:"):
        allowed = ", ".join(_ENVIRONMENTS)
        raise UserError(f"{beam.runner}: --environment_type={kind}: must be one of {allowed}", code="beam-option")
    if not (beam.workers_have_code or beam.packages_code):
        raise _missing(
            beam,
            "workers that have this package: --environment_type=EXTERNAL --environment_config=HOST:PORT for a pool of "
            "them, or --environment_type=DOCKER --environment_config=IMAGE",
        )
    if kind == "EXTERNAL":
        _check_worker_pool(beam)


def _check_worker_pool(beam: BeamSettings) -> None:
    try:
        pool = beam.worker_pool
    except ValueError as error:
        raise UserError(f"{beam.runner}: --environment_config: not JSON: {error}", code="beam-option") from None
    if not pool:
        raise _missing(beam, "--environment_config=HOST:PORT, the address of a pool of workers")
    if beam.check_workers and not (is_local(pool) and _elsewhere(beam)):
        hint = "; beam.check_workers=false if only the cluster reaches it"
        check_grpc("--environment_config", pool, "pool of workers", hint)


def _elsewhere(beam: BeamSettings) -> bool:
    """Whether what runs the job is on another machine, on which "localhost" is another one."""
    servers = (beam.options.get(name, "") for name in ("job_endpoint", "flink_master", "spark_master_url"))
    return any(":" in one and not is_local(one) for one in servers)


def _newest_flink() -> str:
    """The version of Flink that Beam takes where none is named."""
    with loading():
        from apache_beam.options.pipeline_options import FlinkRunnerOptions
    return str(FlinkRunnerOptions.PUBLISHED_FLINK_VERSIONS[-1])


def _check_flink_version(beam: BeamSettings, theirs: str, jar: str | None, wanted: str | None) -> None:
    named = re.match(r"beam-runners-flink-(\d+\.\d+)-", jar or "")
    wanted = named[1] if named else wanted
    if wanted and not f"{theirs}.".startswith(f"{wanted}."):
        raise UserError(
            f"{beam.runner}: the cluster is Flink {theirs}, and the job server is for Flink {wanted}; take the jar, or "
            "the --flink_version, of the cluster",
            code="beam-versions",
        )


def _check_known(name: str) -> None:
    with loading():
        from apache_beam.runners.runner import create_runner
    try:
        create_runner(name)
    except (ValueError, ImportError, AttributeError) as error:
        raise UserError(
            f"beam.runner {name}: Beam has no such runner: {first_line(error)}", code="beam-unknown-runner"
        ) from None


def _required(beam: BeamSettings, name: str, example: str) -> str:
    if value := beam.options.get(name):
        return value
    raise _missing(beam, f"--{name}={example}")


def _missing(beam: BeamSettings, what: str) -> UserError:
    return UserError(f"{beam.runner}: needs {what}", code="beam-option")
