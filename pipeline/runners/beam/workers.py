"""A job of one element, run before the pipeline: workers begin, see its folder, and have the versions of this process.

Beam compares nothing, and waits without end for a worker that cannot begin.
"""

import platform
import re
import tempfile
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import apache_beam as beam
from apache_beam.runners.runner import PipelineState

from models.code_digest import project_digest
from models.errors import UserError, remote_cause
from pipeline.config.beam import BeamSettings

_PATIENCE = 120  # seconds until the job is done; a cluster may have to start machines
_LIBRARIES = ("apache-beam", "tfx", "tensorflow", "tensorflow-transform", "tensorflow-model-analysis")
_CODE = "siamese-pipeline"


def check_workers(settings: BeamSettings, folder: Path, patience: float = _PATIENCE) -> None:
    """Runs the job where the workers of a portable runner are other processes; does nothing elsewhere.

    Args:
      settings: the runner and its options.
      folder: where artifacts are written; made if it is not there.
      patience: seconds until the job must be done.

    Raises:
      UserError: no worker has begun in time, one cannot load this package or does not see the folder, or versions
        disagree.
    """
    if not settings.workers_elsewhere:
        return
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".workers-", dir=folder) as shared:
        try:
            pipeline = beam.Pipeline(argv=settings.pipeline_args)
            pipeline | beam.Create([versions()]) | beam.Map(_compare, shared)
            result = pipeline.run()
            state = result.wait_until_finish(duration=int(patience * 1000))
        except Exception as error:
            raise _refusal(settings, remote_cause(str(error))) from error
        if state != PipelineState.DONE:
            with suppress(Exception):  # what cannot be reached cannot be cancelled
                result.cancel()
            raise UserError(
                f"{settings.runner}: no worker has finished a first job, of one element, within {patience:g} s; see "
                "their log",
                code="beam-workers",
            )


def _refusal(settings: BeamSettings, cause: str) -> UserError:
    for kind, code in ((VersionsDisagree, "beam-versions"), (FolderNotShared, "beam-workers")):
        if found := re.search(rf"{kind.__name__}: (.*?)( \[while running|$)", cause):
            return UserError(f"{settings.runner}: {found[1]}", code=code)
    return UserError(f"{settings.runner}: a first job, of one element, failed: {cause[:500]}", code="beam-workers")


def versions() -> dict[str, str]:
    """What has to be the same here and where the workers run, by name."""
    code = {_CODE: project_digest()[:12]}
    return {"Python": python_version(), **{name: version(name) for name in _LIBRARIES}, **code}


def python_version() -> str:
    """Major and minor: what pickled functions depend on."""
    return platform.python_version().rpartition(".")[0]


def differences(ours: dict[str, str], theirs: dict[str, str]) -> str:
    """What is not the same, in a phrase; empty if nothing is."""
    return ", ".join(
        f"{name} {theirs.get(name, 'missing')} rather than {value}"
        for name, value in ours.items()
        if theirs.get(name) != value
    )


class VersionsDisagree(Exception):
    """The workers have other versions than the process that started the run."""


class FolderNotShared(Exception):
    """The workers do not see the folder that artifacts are written to."""


def _compare(theirs: dict[str, str], shared: str) -> None:
    """Runs where the workers do; ``theirs`` and the new folder ``shared`` are of the process that started the job."""
    if found := differences(theirs, versions()):
        raise VersionsDisagree(f"the workers have {found}")
    try:
        Path(shared, "worker").touch()
    except OSError as error:
        raise FolderNotShared(
            f"the workers cannot write to {Path(shared).parent}: {error.strerror}; it must be a disk that they mount "
            "at the same path, for the same user"
        ) from None
