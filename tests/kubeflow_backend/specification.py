"""What the API server takes: ``apiserver/template/v2_template.go``."""

import re
from pathlib import Path
from typing import Any

import yaml
from google.protobuf import json_format, struct_pb2
from kfp.pipeline_spec import pipeline_spec_pb2

_TASK_NAME = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9]*")


class Refused(Exception):
    """The backend does not take the pipeline, or cannot resolve what a task needs."""


def parse(file: Path) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """The pipeline, its executors by label, and what the platform document says of each, by label.

    Raises:
      Refused: the API server would not take the file.
    """
    documents = list(yaml.safe_load_all(file.read_text(encoding="utf-8")))
    if len(documents) > 2 or "pipelineSpec" in documents[0]:
        raise Refused("must be a PipelineSpec and at most one PlatformSpec")
    try:
        spec = json_format.ParseDict(documents[0], pipeline_spec_pb2.PipelineSpec())
        deployment = json_format.ParseDict(
            json_format.MessageToDict(spec.deployment_spec), pipeline_spec_pb2.PipelineDeploymentConfig()
        )
    except json_format.ParseError as error:
        raise Refused(f"invalid v2 pipeline spec: {error}") from None
    if spec.schema_version != "2.1.0":
        raise Refused(f"schema version {spec.schema_version} is not supported")
    for name, task in spec.root.dag.tasks.items():
        executor = deployment.executors[spec.components[task.component_ref.name].executor_label]
        if not _TASK_NAME.fullmatch(name):
            raise Refused(f"task name {name}")
        if executor.WhichOneof("spec") != "container":
            raise Refused(f"{name}: non-container and non-importer executor")
    platform = documents[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"] if len(documents) > 1 else {}
    return spec, dict(deployment.executors), platform


def run_parameters(spec: Any, given: dict[str, Any]) -> dict[str, Any]:
    """The parameters of a run: those given, and the defaults of the others."""
    declared = spec.root.input_definitions.parameters
    for name in given:
        if name not in declared:
            raise Refused(f"parameter {name} is not declared")
    defaults = {name: one.default_value for name, one in declared.items() if one.HasField("default_value")}
    return {**{name: plain(value) for name, value in defaults.items()}, **given}


def plain(value: struct_pb2.Value) -> Any:
    """The value in Python's types."""
    return json_format.MessageToDict(value)
