"""What Beam needs to start a job server of its own, for Flink or Spark: Java, and a jar of its own version."""

import re
import shutil
import zipfile
from importlib.metadata import version
from pathlib import Path

from models.addresses import is_address
from models.errors import UserError
from pipeline.config.beam import BeamSettings
from pipeline.runners.beam.endpoints import http_fault

_MAVEN = "https://repo.maven.apache.org/maven2/org/apache/beam/"  # where Beam downloads a jar that is not given
_CACHE = "~/.apache_beam/cache/jars"
_SDK = "org/apache/beam/sdk/sdk.properties"  # in a jar: the version of its Beam


def check_java(beam: BeamSettings) -> None:
    """Checks that there is a Java.

    Raises:
      UserError: there is none.
    """
    launcher = beam.options.get("job_server_java_launcher", "java")
    if not shutil.which(launcher):
        raise UserError(
            f"{beam.runner}: Beam's job server needs Java, and there is no {launcher} on the PATH; install it, or "
            "name a job server that runs: --job_endpoint=HOST:PORT",
            code="beam-no-job-server",
        )


def check_jar(beam: BeamSettings, option: str, name: str) -> str | None:
    """Checks the jar of the job server.

    Args:
      beam: the runner and its options.
      option: that names the jar.
      name: of the jar in Maven's repository, with the version of Beam as ``{}``.

    Returns:
      The name of the jar, if it is given.

    Raises:
      UserError: it is not there, no jar, or of another Beam.
    """
    ours = version("apache-beam")
    given = beam.options.get(option)
    if not given:
        _check_download(beam, option, name.format(ours))
        return None
    if not is_address(given):
        theirs = _version_in(beam, f"--{option}={given}", Path(given))
        if theirs not in (None, ours):
            raise UserError(
                f"{beam.runner}: --{option}={given}: is of Beam {theirs}, and Beam {ours} is installed; take the jar "
                "of the same version",
                code="beam-versions",
            )
    return given.rpartition("/")[2]


def _check_download(beam: BeamSettings, option: str, name: str) -> None:
    """Checks that Beam has downloaded the jar before, or can."""
    cache = Path(beam.options.get("jar_cache_dir") or _CACHE).expanduser()
    if (cache / name).is_file():
        return
    if why := http_fault(f"{_MAVEN}{name.rpartition('-')[0]}/{version('apache-beam')}/{name}"):
        raise UserError(
            f"{beam.runner}: the jar of Beam's job server is not there, and Maven does not offer it: {why}; name its "
            f"file: --{option}=.../{name}, or a job server that runs: --job_endpoint=HOST:PORT",
            code="beam-no-job-server",
        )


def _version_in(beam: BeamSettings, option: str, jar: Path) -> str | None:
    """The version of Beam in a jar, if the jar says so."""
    if not zipfile.is_zipfile(jar):
        what = "not a jar" if jar.is_file() else "no such file"
        raise UserError(f"{beam.runner}: {option}: {what}", code="beam-no-job-server")
    with zipfile.ZipFile(jar) as content:
        text = content.read(_SDK).decode("utf-8", "replace") if _SDK in content.namelist() else ""
    found = re.search(r"^version=(\S+)", text, re.MULTILINE)
    return found[1] if found else None
