"""Checks of a compiled pipeline: what the open-source backend (2.5 to 2.17) would refuse or fail to run."""

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from models.errors import UserError
from models.user_files import read_bytes, shown
from pipeline.config.yaml_text import parse_documents
from pipeline.runners.kubeflow.check import go_yaml
from pipeline.runners.kubeflow.check.findings import CHECKS, Finding, errors, lines
from pipeline.runners.kubeflow.check.parsing import parse

__all__ = ["Finding", "errors", "file_findings", "findings", "lines"]


def findings(documents: Sequence[Mapping[str, Any]], pipeline_root: str | None = None) -> list[Finding]:
    """Why the backend would refuse a compiled pipeline or fail to run it; errors first.

    Args:
      documents: the pipeline specification and, where there is one, the platform specification.
      pipeline_root: of the submission; None where the file's own is used.
    """
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        importlib.import_module(module.name)
    compiled, found = parse(documents, pipeline_root)
    if compiled is not None:
        for run in CHECKS:
            found += run(compiled)
    return sorted(dict.fromkeys(found), key=lambda finding: finding.severity != "error")


def file_findings(path: Path, pipeline_root: str | None = None) -> list[Finding]:
    """The findings of a file, and what the backend would read differently in its YAML.

    Raises:
      UserError: it cannot be read, or is not YAML.
    """
    try:
        text = read_bytes(path, 32 << 20).decode("utf-8-sig")
        documents = parse_documents(text)
        misread = go_yaml.misread(text)
    except OSError as error:
        raise UserError(f"{shown(path)}: cannot be read: {error.strerror}", code="kubeflow-file-unreadable") from None
    except (yaml.YAMLError, ValueError) as error:
        message = f"{path}: is not YAML: {' '.join(str(error).split())[:200]}"
        raise UserError(message, code="kubeflow-file-not-a-pipeline") from None
    return [Finding("the file", message) for message in misread] + findings(documents, pipeline_root)
