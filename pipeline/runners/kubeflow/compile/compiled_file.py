"""A compiled pipeline, read from its file, and the parameters of a run of it."""

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from models.errors import UserError
from models.user_files import read_bytes, shown
from pipeline.config.yaml_text import parse_documents

Value = str | int | float | bool | list[Any] | dict[str, Any]


class CompiledFile(NamedTuple):
    """A compiled pipeline, from which runs are started; ``parameters``: name -> type of the run's parameters."""

    path: Path
    name: str
    pipeline_root: str | None
    parameters: dict[str, str]
    nodes: list[str]

    def arguments(self, texts: Iterable[str]) -> dict[str, Value]:
        """``name=value`` texts as values of the pipeline's types.

        Raises:
          UserError: no such parameter, or a value of another type.
        """
        found: dict[str, Value] = {}
        for text in texts:
            name, equals, value = text.partition("=")
            if not equals:
                raise UserError(f"--parameter {text}: must be NAME=VALUE", code="kubeflow-parameter")
            if name not in self.parameters:
                allowed = ", ".join(sorted(self.parameters)) or "none"
                message = f"--parameter {name}: the pipeline has no such parameter; allowed: {allowed}"
                raise UserError(message, code="kubeflow-parameter")
            try:
                found[name] = _value(value, self.parameters[name])
            except (ValueError, RecursionError):
                kind = self.parameters[name].removeprefix("NUMBER_").lower()
                message = f"--parameter {name}: must be of type {kind}, got {value!r}"
                raise UserError(message, code="kubeflow-parameter") from None
        return found


def _value(text: str, kind: str) -> Value:
    if kind in ("NUMBER_INTEGER", "NUMBER_DOUBLE"):
        number = int(text) if kind == "NUMBER_INTEGER" else float(text)
        if not abs(number) < (2**63 if kind == "NUMBER_INTEGER" else math.inf):  # what the server's JSON can hold
            raise ValueError(text)
        return number
    if kind == "STRING":
        return text
    value: Value = json.loads(text)
    if not isinstance(value, {"BOOLEAN": bool, "LIST": list, "STRUCT": dict}[kind]):
        raise ValueError(text)  # noqa: TRY004 - the text is of the wrong type, not the value
    return value


def read_compiled(path: Path) -> CompiledFile:
    """Reads the file of ``siamese kubeflow compile``.

    Raises:
      UserError: it is missing, or is not a compiled pipeline.
    """
    try:
        documents = parse_documents(read_bytes(path, 32 << 20, pipe=False).decode("utf-8-sig"))
    except OSError as error:
        raise UserError(f"{shown(path)}: cannot be read: {error.strerror}", code="kubeflow-file-unreadable") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        message = f"{path}: is not YAML; compile one: siamese kubeflow compile"
        raise UserError(message, code="kubeflow-file-not-a-pipeline") from None
    try:
        spec = documents[0]
        tasks, name = spec["root"]["dag"]["tasks"], spec["pipelineInfo"]["name"]
        inputs = spec["root"].get("inputDefinitions", {}).get("parameters", {})
        parameters = {key: definition["parameterType"] for key, definition in inputs.items()}
        return CompiledFile(path, name, spec.get("defaultPipelineRoot"), parameters, sorted(tasks))
    except (IndexError, KeyError, TypeError, AttributeError):
        message = f"{path}: is not a compiled pipeline; compile one: siamese kubeflow compile"
        raise UserError(message, code="kubeflow-file-not-a-pipeline") from None
