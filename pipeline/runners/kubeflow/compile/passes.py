"""Passes over the specification that TFX compiles: each adapts one thing of it to the open-source backend.

A specification is what protobuf's JSON has for ``PipelineSpec`` (camelCase). Node ids are task names;
``deploymentSpec.executors`` are by the label of the task's component.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from components.run_outcome.settings import FailureAlerts
from pipeline.config.kubeflow import GpuSettings, KubeflowSettings, NodeResources, quantity
from pipeline.runners.kubeflow.check.executors import STATEFUL

Spec = dict[str, Any]

SCRATCH = "/scratch"  # where pods keep temporary files; mounted by the platform document
CONDITION = "condition-"  # prefix of parameters that only the backend reads

# Node -> one of its outputs, a ``Boolean`` artifact: the nodes downstream run only where it is true.
CONDITIONS = {"NewData": "enough"}


@dataclass(frozen=True)
class Target:
    """What a specification is compiled for; ``types``: node id -> "inputs" | "outputs" -> key -> import path."""

    settings: KubeflowSettings = field(default_factory=KubeflowSettings)
    pipeline_root: str = ""
    defaults: Mapping[str, str | int | float] = field(default_factory=dict)  # of the pipeline's runtime parameters
    types: Mapping[str, Mapping[str, Mapping[str, str]]] = field(default_factory=dict)
    alerts: FailureAlerts | None = None  # what a failed node needs to report its failure; None: it reports none


Pass = Callable[[Spec, Target], None]

PASSES: list[Pass] = []


def compiler_pass(function: Pass) -> Pass:
    """Registers a pass, which changes one thing of a specification in place."""
    PASSES.append(function)
    return function


def tasks(spec: Spec) -> dict[str, Spec]:
    """The tasks of the root graph by node id."""
    return cast("dict[str, Spec]", spec["root"]["dag"]["tasks"])


def executor_label(spec: Spec, node: str) -> str:
    """The key of the node's executor, in the specification and in the platform document."""
    return str(spec["components"][tasks(spec)[node]["componentRef"]["name"]]["executorLabel"])


def containers(spec: Spec) -> Iterator[tuple[str, Spec]]:
    """Each node id with its container."""
    for node in tasks(spec):
        executor = spec["deploymentSpec"]["executors"][executor_label(spec, node)]
        if "container" in executor:
            yield node, executor["container"]


@compiler_pass
def failure_alerts(spec: Spec, target: Target) -> None:
    """The entrypoint's ``--alerts``: it sends them, since an exit handler cannot take runtime parameters."""
    if target.alerts is not None:
        for _, container in containers(spec):
            container["args"] += ["--alerts", target.alerts.model_dump_json()]


@compiler_pass
def drivers_in_the_entrypoint(spec: Spec, _target: Target) -> None:
    """The backend never reads ``lifecycle.preCacheCheck``: the entrypoint runs that driver before the executor."""
    for _, container in containers(spec):
        if lifecycle := container.pop("lifecycle", None):
            command = lifecycle["preCacheCheck"]["command"]
            container["args"] += ["--driver", command[command.index("-m") + 1]]


@compiler_pass
def node_and_types(spec: Spec, target: Target) -> None:
    """The entrypoint's node and the Python types of its artifacts: the backend passes neither."""
    for node, container in containers(spec):
        types = json.dumps(target.types[node], sort_keys=True)
        container["args"] += ["--node", node, "--artifact_types", types]


@compiler_pass
def pipeline_root(spec: Spec, target: Target) -> None:
    """Where artifacts go: TFX writes it into the part of the file that YAML omits."""
    spec["defaultPipelineRoot"] = target.pipeline_root


@compiler_pass
def parameter_defaults(spec: Spec, target: Target) -> None:
    """The defaults of the run's parameters, which TFX drops.

    Raises:
      ValueError: a parameter has no default.
    """
    for name, parameter in spec["root"].get("inputDefinitions", {}).get("parameters", {}).items():
        if name not in target.defaults:
            raise ValueError(f"the runtime parameter {name} has no default")
        parameter["defaultValue"] = target.defaults[name]


@compiler_pass
def resources(spec: Spec, target: Target) -> None:
    """CPU, memory and GPUs of every node, in the fields that every backend from 2.5 on reads: cores and 10⁹ bytes.

    TFX drops the requests of a FileBasedExampleGen (tfx#6146). Ephemeral storage has no field: see ``platform``.
    """
    for node, container in containers(spec):
        container["resources"] = _resource_spec(target.settings.resources_of(node), target.settings.gpu)


def _resource_spec(request: NodeResources, gpu: GpuSettings) -> Spec:
    memory = quantity(request.memory) / 1e9
    spec: Spec = {"cpuRequest": quantity(request.cpu), "memoryRequest": memory, "memoryLimit": memory}
    if request.cpu_limit:
        spec["cpuLimit"] = quantity(request.cpu_limit)
    if request.gpus:
        spec["accelerator"] = {"type": gpu.resource, "count": str(request.gpus)}  # int64: a string in protobuf's JSON
    return spec


@compiler_pass
def environment(spec: Spec, target: Target) -> None:
    """The user's variables, and temporary files on the scratch volume where there is one."""
    settings = target.settings
    for node, container in containers(spec):
        scratch = {"TMPDIR": SCRATCH} if settings.resources_of(node).scratch else {}
        if variables := {**scratch, **settings.env}:
            container["env"] = [{"name": name, "value": value} for name, value in sorted(variables.items())]


@compiler_pass
def caching(spec: Spec, _target: Target) -> None:
    """Off for the nodes whose state lies outside the cache key; the others keep the pipeline's setting."""
    for node in tasks(spec).keys() & STATEFUL:
        tasks(spec)[node]["cachingOptions"] = {"enableCache": False}


@compiler_pass
def conditions(spec: Spec, _target: Target) -> None:
    """Tasks downstream of a node in ``CONDITIONS`` run only where its output is true; tasks after them are skipped too.

    The condition is on each task itself: Argo omits what depends on a task that was omitted. A graph of its own for
    them, as the SDK compiles conditions, would hide its nodes' states from the run's page (kubeflow/pipelines #11979)
    and would need every artifact and parameter as an input.
    """
    components = spec["components"]
    for gate in CONDITIONS.keys() & tasks(spec).keys():
        key = CONDITIONS[gate]
        definitions = components[tasks(spec)[gate]["componentRef"]["name"]]["outputDefinitions"]
        definitions.setdefault("parameters", {})[key] = {"parameterType": "BOOLEAN"}
        for task in tasks(spec).values():
            if gate not in task.get("dependentTasks", ()):
                continue
            name = f"{CONDITION}{gate}-{key}"
            inputs = components[task["componentRef"]["name"]].setdefault("inputDefinitions", {})
            inputs.setdefault("parameters", {})[name] = {"parameterType": "BOOLEAN"}
            source = {"producerTask": gate, "outputParameterKey": key}
            task.setdefault("inputs", {}).setdefault("parameters", {})[name] = {"taskOutputParameter": source}
            task["triggerPolicy"] = {"condition": f"inputs.parameter_values['{name}'] == true"}


@compiler_pass
def retries(spec: Spec, target: Target) -> None:
    """A failed node is retried, with a growing delay. The last gate is not: a refusal stays one."""
    settings = target.settings.retries
    policy = {
        "maxRetryCount": settings.attempts,
        "backoffDuration": f"{settings.backoff}s",
        "backoffFactor": settings.factor,
        # Not the longest delay, despite its name: Argo counts it from the first attempt's start, and then gives up.
        "backoffMaxDuration": f"{settings.within}s",
    }
    for node, task in tasks(spec).items():
        if settings.attempts and node != "OutcomeGate":
            task["retryPolicy"] = dict(policy)
