"""What the API server takes: ``apiserver/template/v2_template.go``, ``v2/compiler/argocompiler``."""

import re
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import yaml
from google.protobuf import json_format, struct_pb2
from kfp.pipeline_spec import pipeline_spec_pb2

_TASK_NAME = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9]*")
# kfp_kubernetes.KubernetesExecutorConfig, of which there are no protos here.
_POD_FIELDS = {
    "secretAsVolume",
    "secretAsEnv",
    "pvcMount",
    "nodeSelector",
    "podMetadata",
    "imagePullSecret",
    "imagePullPolicy",
    "configMapAsVolume",
    "configMapAsEnv",
    "activeDeadlineSeconds",
    "fieldPathAsEnv",
    "tolerations",
    "genericEphemeralVolume",
    "nodeAffinity",
    "podAffinity",
    "enabledSharedMemory",
    "emptyDirMounts",
    "securityContext",
}
_TYPES = pipeline_spec_pb2.ParameterType
_KINDS = {  # parameter type -> the kind of protobuf's Value that it takes
    _TYPES.STRING: "string_value",
    _TYPES.NUMBER_DOUBLE: "number_value",
    _TYPES.NUMBER_INTEGER: "number_value",
    _TYPES.BOOLEAN: "bool_value",
    _TYPES.LIST: "list_value",
    _TYPES.STRUCT: "struct_value",
}


class Refused(Exception):
    """The backend does not take the pipeline, or cannot resolve what a task needs."""


@dataclass(frozen=True)
class Compiled:
    """A file that the server has taken.

    Attributes:
      spec: the ``PipelineSpec``.
      executors: by label.
      pods: the platform document's configuration of each executor, by label.
      upstream: task -> the tasks that must have succeeded.
    """

    spec: Any
    executors: dict[str, Any]
    pods: dict[str, dict[str, Any]]
    upstream: dict[str, set[str]]


def parse(file: Path) -> Compiled:
    """Reads the file as the API server does.

    Raises:
      Refused: the API server would refuse the file, or fail to make a workflow of it.
    """
    documents = list(yaml.safe_load_all(file.read_text(encoding="utf-8")))
    if len(documents) > 2 or "pipelineSpec" in documents[0]:
        raise Refused("must be a PipelineSpec and at most one PlatformSpec")
    spec = _parsed(documents[0], pipeline_spec_pb2.PipelineSpec())
    deployment = _parsed(plain(spec.deployment_spec), pipeline_spec_pb2.PipelineDeploymentConfig())
    if spec.schema_version != "2.1.0":
        raise Refused(f"schema version {spec.schema_version} is not supported")
    if not spec.pipeline_info.name or not spec.HasField("root"):
        raise Refused("no pipeline spec is provided")
    for name, task in spec.root.dag.tasks.items():
        if task.component_ref.name not in spec.components:
            raise Refused(f"{name}: component spec for {task.component_ref.name!r} not found")
        label = spec.components[task.component_ref.name].executor_label
        if label not in deployment.executors:
            raise Refused(f"{name}: executor with label {label!r} not found")
        if not _TASK_NAME.fullmatch(name):
            raise Refused(f"task name {name}")
        if deployment.executors[label].WhichOneof("spec") != "container":
            raise Refused(f"{name}: non-container and non-importer executor")
    pods = _pods(documents[1]) if len(documents) > 1 else {}
    return Compiled(spec, dict(deployment.executors), pods, _upstream(spec.root.dag.tasks))


def run_parameters(spec: Any, given: dict[str, Any]) -> dict[str, struct_pb2.Value]:
    """The parameters of a run: those given, and the defaults of the others.

    Raises:
      Refused: a parameter is unknown, of another type, or has no value at all.
    """
    declared = spec.root.input_definitions.parameters
    values = {name: one.default_value for name, one in declared.items() if one.HasField("default_value")}
    for name, value in given.items():
        if name not in declared:
            raise Refused(f"parameter {name} is not declared")
        values[name] = json_format.ParseDict(value, struct_pb2.Value())
        if values[name].WhichOneof("kind") != _KINDS.get(declared[name].parameter_type):
            raise Refused(f"parameter {name}: {value!r} is of another type")
    if missing := sorted(declared.keys() - values.keys()):
        raise Refused(f"parameter {missing[0]} is not optional, yet has neither default value nor user provided value")
    return values


def fits(value: struct_pb2.Value, wanted: int) -> bool:
    """Whether a parameter of the type ``wanted`` may have the value."""
    return value.WhichOneof("kind") == _KINDS.get(wanted)


def plain(message: Any) -> Any:
    """The message in Python's types, as Go writes it: a double without a fraction has no point."""
    return _whole(json_format.MessageToDict(message))


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _parsed(document: Any, message: Any) -> Any:
    try:
        return json_format.ParseDict(document, message)
    except json_format.ParseError as error:
        raise Refused(f"invalid v2 pipeline spec: {error}") from None


def _pods(document: Any) -> dict[str, dict[str, Any]]:
    platforms = _parsed(document, pipeline_spec_pb2.PlatformSpec()).platforms
    if "kubernetes" not in platforms:
        return {}  # what is for another platform is passed over
    pods = {label: plain(pod) for label, pod in platforms["kubernetes"].deployment_spec.executors.items()}
    for label, pod in pods.items():
        if unknown := sorted(pod.keys() - _POD_FIELDS):
            raise Refused(f"{label}: failed to unmarshal kubernetes config: unknown field {unknown[0]!r}")
    return pods


def _upstream(tasks: Any) -> dict[str, set[str]]:
    """Dependencies as they are declared, and those that inputs imply."""
    upstream = {
        name: {*task.dependent_tasks}
        | {one.task_output_artifact.producer_task for one in task.inputs.artifacts.values()}
        | {
            one.task_output_parameter.producer_task
            for one in task.inputs.parameters.values()
            if one.WhichOneof("kind") == "task_output_parameter"
        }
        for name, task in tasks.items()
    }
    for name, ups in upstream.items():
        if unknown := sorted(ups - upstream.keys()):
            raise Refused(f"{name}: unknown producer task {unknown[0]!r} in DAG")
    try:
        TopologicalSorter(upstream).prepare()
    except CycleError as error:
        raise Refused(f"the workflow has a cycle: {error.args[1]}") from None
    return upstream
