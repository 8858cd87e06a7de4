"""A compiled pipeline, read back from its file: what a run of it can be told."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from models.errors import UserError

Value = str | int | float | bool | list[Any] | dict[str, Any]


class CompiledFile(NamedTuple):
    """What a run is started from.

    Attributes:
      path: the file.
      name: of the pipeline.
      pipeline_root: where its artifacts go; None where the file names none.
      parameters: name -> type of what a run can be told.
      nodes: ids.
    """

    path: Path
    name: str
    pipeline_root: str | None
    parameters: dict[str, str]
    nodes: list[str]

    def arguments(self, given: Iterable[str]) -> dict[str, Value]:
        """``name=value`` texts as values of the pipeline's types.

        Raises:
          UserError: no such parameter, or a value of another type.
        """
        found: dict[str, Value] = {}
        for text in given:
            name, equals, value = text.partition("=")
            if not equals:
                raise UserError(f"--parameter {text}: must be NAME=VALUE")
            if name not in self.parameters:
                allowed = ", ".join(sorted(self.parameters)) or "none"
                raise UserError(f"--parameter {name}: the pipeline has no such parameter; it has: {allowed}")
            try:
                found[name] = _value(value, self.parameters[name])
            except ValueError:
                kind = self.parameters[name].removeprefix("NUMBER_").lower()
                raise UserError(f"--parameter {name}: must be of the type {kind}, got {value!r}") from None
        return found


def _value(text: str, kind: str) -> Value:
    if kind == "NUMBER_INTEGER":
        return int(text)
    if kind == "NUMBER_DOUBLE":
        return float(text)
    if kind == "STRING":
        return text
    value: Value = json.loads(text)
    if not isinstance(value, {"BOOLEAN": bool, "LIST": list, "STRUCT": dict}[kind]):
        raise ValueError(text)  # noqa: TRY004 - the text is of the wrong type, not the value
    return value


def read_compiled(path: Path) -> CompiledFile:
    """Reads what ``siamese kubeflow compile`` wrote.

    Raises:
      UserError: it is missing, or is something else.
    """
    try:
        documents = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise UserError(f"{path}: is no YAML; compile one: siamese kubeflow compile") from None
    try:
        spec = documents[0]
        tasks, name = spec["root"]["dag"]["tasks"], spec["pipelineInfo"]["name"]
        inputs = spec["root"].get("inputDefinitions", {}).get("parameters", {})
        parameters = {key: definition["parameterType"] for key, definition in inputs.items()}
        return CompiledFile(path, name, spec.get("defaultPipelineRoot"), parameters, sorted(tasks))
    except (IndexError, KeyError, TypeError, AttributeError):
        raise UserError(f"{path}: is no compiled pipeline; make one: siamese kubeflow compile") from None
