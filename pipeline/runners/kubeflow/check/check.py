"""All of it: a compiled pipeline, or its file, and what is wrong with it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from models.errors import UserError
from pipeline.runners.kubeflow.check import go_yaml
from pipeline.runners.kubeflow.check.artifacts import artifact_faults
from pipeline.runners.kubeflow.check.executors import executor_faults
from pipeline.runners.kubeflow.check.finding import Fault
from pipeline.runners.kubeflow.check.parameters import parameter_faults
from pipeline.runners.kubeflow.check.pipeline_file import parse
from pipeline.runners.kubeflow.check.platform import platform_faults
from pipeline.runners.kubeflow.check.tasks import graph_faults


def faults(documents: Sequence[Mapping[str, Any]], pipeline_root: str | None = None) -> list[Fault]:
    """Why the backend would refuse a compiled pipeline or fail to run it; errors first.

    Args:
      documents: the pipeline specification and, where there is one, the platform specification.
      pipeline_root: given at submission; None where the file's own is to do.
    """
    compiled, found = parse(documents, pipeline_root)
    if compiled is not None:
        for look in (graph_faults, parameter_faults, artifact_faults, executor_faults, platform_faults):
            found += look(compiled)
    return sorted(dict.fromkeys(found), key=lambda fault: fault.severity != "error")


def file_faults(path: Path, pipeline_root: str | None = None) -> list[Fault]:
    """The same of a file, and what the backend would read differently in it.

    Raises:
      UserError: it cannot be read, or is no YAML.
    """
    try:
        text = path.read_text(encoding="utf-8")
        documents = list(yaml.safe_load_all(text))
        misread = go_yaml.misread(text)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise UserError(f"{path}: is no YAML: {' '.join(str(error).split())[:200]}") from None
    return [Fault("the file", sentence) for sentence in misread] + faults(documents, pipeline_root)
