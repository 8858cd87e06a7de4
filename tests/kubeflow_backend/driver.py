"""The inputs of a task: ``v2/driver/container.go``, ``resolve.go`` and ``driver.go`` (``provisionOutputs``)."""

import json
import re
import uuid
from dataclasses import dataclass, field
from typing import Any

from google.protobuf import struct_pb2
from kfp.pipeline_spec import pipeline_spec_pb2

from kubeflow_backend.specification import Compiled, Refused, fits, plain
from kubeflow_backend.stores import Stores

LOGS = "executor-logs"
OUTPUT_FILE = "/tmp/kfp_outputs/output_metadata.json"
PARAMETER_FILES = "/tmp/kfp/outputs"
_CONDITION = re.compile(r"inputs\.parameter_values\['([^']+)'\] == (true|false)")


@dataclass
class Task:
    """The result of one task.

    Attributes:
      state: "PENDING", "RUNNING", "SUCCEEDED", "FAILED" or "SKIPPED".
      logs: of each attempt.
      codes: of each attempt's command; the pod's own code is 1 whatever the command's was.
      outputs: key -> id in the metadata store.
      parameters: key -> value of the outputs that are no artifacts.
    """

    state: str = "PENDING"
    logs: list[str] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    outputs: dict[str, int] = field(default_factory=dict)
    parameters: dict[str, struct_pb2.Value] = field(default_factory=dict)

    @property
    def events(self) -> list[dict[str, Any]]:
        """The lines of the last attempt's log that are JSON objects."""
        return [json.loads(line) for line in self.logs[-1].splitlines() if line.startswith("{")]


@dataclass(frozen=True)
class Job:
    """One run, as its pods see it.

    Attributes:
      run_id: of the run.
      compiled: what it runs.
      values: the run's parameters.
      root: URI of the run's own folder.
      stores: objects and metadata.
      tasks: by name.
      publish_logs: the server's PUBLISH_LOGS: each task has one output more, its log.
      version: of Kubeflow Pipelines.
      ui: (host, port) of the UI's server; None: no service of that name is in the pods' namespace.
      pod_logs: pod -> its log.
    """

    run_id: str
    compiled: Compiled
    values: dict[str, struct_pb2.Value]
    root: str
    stores: Stores
    tasks: dict[str, Task]
    publish_logs: bool
    version: tuple[int, ...] = (2, 17, 0)
    ui: tuple[str, int] | None = None
    pod_logs: dict[str, str] = field(default_factory=dict)

    def component(self, name: str) -> Any:
        """The ComponentSpec of a task."""
        spec = self.compiled.spec
        return spec.components[spec.root.dag.tasks[name].component_ref.name]


def executor_input(job: Job, name: str) -> dict[str, Any]:
    """The ExecutorInput of a task, as protobuf's JSON has it; the same for all its attempts.

    Raises:
      Refused: an input cannot be resolved.
    """
    task = job.compiled.spec.root.dag.tasks[name]
    if task.task_info.name != name:  # by which older drivers find the producer of an input
        raise Refused("invalid container driver args: task spec is required")
    parameters = {key: _parameter(job, name, one) for key, one in task.inputs.parameters.items()}
    for key, declared in job.component(name).input_definitions.parameters.items():
        if key in parameters:
            parameters[key] = _converted(key, parameters[key], declared.parameter_type)
        elif not declared.is_optional:
            raise Refused(f"neither value nor default value provided for non-optional parameter {key!r}")
    artifacts = {key: {"artifacts": [_artifact(job, one)]} for key, one in task.inputs.artifacts.items()}
    return {
        "inputs": {"parameterValues": {key: plain(value) for key, value in parameters.items()}, "artifacts": artifacts},
        "outputs": {
            "artifacts": _outputs(job, name),
            "parameters": {
                key: {"outputFile": f"{PARAMETER_FILES}/{key}"}
                for key in job.component(name).output_definitions.parameters
            },
            "outputFile": OUTPUT_FILE,
        },
    }


def triggered(job: Job, name: str, given: dict[str, Any]) -> bool:
    """Whether the condition of a task holds, evaluated with its inputs.

    Raises:
      Refused: it cannot be evaluated.
    """
    condition = job.compiled.spec.root.dag.tasks[name].trigger_policy.condition
    if not condition:
        return True
    asked = _CONDITION.fullmatch(condition)
    if asked is None:
        raise Refused(f"the condition {condition} is not emulated")
    values = given["inputs"]["parameterValues"]
    if asked[1] not in values:
        raise Refused(f"failed to evaluate {condition}: no such key: {asked[1]}")
    return values[asked[1]] is (asked[2] == "true")  # CEL: a text is no truth


def _artifact(job: Job, given: Any) -> dict[str, Any]:
    source = given.task_output_artifact
    outputs = job.tasks[source.producer_task].outputs
    if source.output_artifact_key not in outputs:
        raise Refused(
            f"cannot find output artifact key {source.output_artifact_key!r} in producer task {source.producer_task!r}"
        )
    return job.stores.runtime_artifact(outputs[source.output_artifact_key])


def _parameter(job: Job, name: str, given: Any) -> struct_pb2.Value:
    kind = given.WhichOneof("kind")
    if kind == "component_input_parameter":
        if given.component_input_parameter not in job.values:
            raise Refused(f"parent DAG does not have input parameter {given.component_input_parameter}")
        return job.values[given.component_input_parameter]
    if kind == "task_output_parameter":
        source = given.task_output_parameter
        values = job.tasks[source.producer_task].parameters
        if source.output_parameter_key not in values:
            raise Refused(
                f"cannot find output parameter key {source.output_parameter_key!r} in producer task "
                f"{source.producer_task!r}"
            )
        return values[source.output_parameter_key]
    if kind != "runtime_value" or given.runtime_value.WhichOneof("value") != "constant":
        raise Refused(f"parameter spec of type {kind} is not emulated")
    constant = given.runtime_value.constant
    known = {  # as whole values only
        "{{$.pipeline_job_name}}": "a run",
        "{{$.pipeline_job_resource_name}}": f"run-{job.run_id[:5]}",
        "{{$.pipeline_job_uuid}}": job.run_id,
        "{{$.pipeline_task_name}}": name,
        "{{$.pipeline_task_uuid}}": "1",
    }
    text = constant.string_value
    return struct_pb2.Value(string_value=known[text]) if text in known else constant


def _converted(key: str, value: struct_pb2.Value, wanted: int) -> struct_pb2.Value:
    """Any value is converted to a declared string; no other conversion exists."""
    if fits(value, wanted):
        return value
    if wanted != pipeline_spec_pb2.ParameterType.STRING:
        raise Refused(f"input parameter {key!r} type mismatch: got {value.WhichOneof('kind')}")
    return struct_pb2.Value(string_value=json.dumps(plain(value)))


def _outputs(job: Job, name: str) -> dict[str, Any]:
    folder = f"{job.root}/{name}/{uuid.uuid4()}"
    declared = {
        key: {"type": plain(one.artifact_type), "metadata": plain(one.metadata)}
        for key, one in job.component(name).output_definitions.artifacts.items()
    }
    if job.publish_logs:
        declared[LOGS] = {"type": {"schemaTitle": "system.Artifact"}}
    return {key: {"artifacts": [{**one, "uri": f"{folder}/{key}"}]} for key, one in declared.items()}
