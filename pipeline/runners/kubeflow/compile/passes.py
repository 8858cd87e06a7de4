"""What TFX's compiler leaves wanting for the open-source backend, mended one thing at a time.

Each pass takes the pipeline specification as protobuf's JSON has it (``PipelineSpec``, camelCase) and changes that one
thing in place. Node ids are task names; ``deploymentSpec.executors`` are by the label of the task's component.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from components.run_outcome.settings import FailureAlerts
from pipeline.config.kubeflow import GpuSettings, KubeflowSettings, NodeResources, RetrySettings, quantity

Spec = dict[str, Any]
Pass = Callable[[Spec], None]

SCHEMA_VERSION = "2.1.0"
SCRATCH = "/scratch"  # where pods have room for temporary files; mounted by the platform document

CONDITION = "condition-"  # what a parameter is called that only the backend reads

# They read or write what no cache key knows: the folder of images, the serving folder, a webhook; or are of one run.
STATEFUL = ("ImageExampleGen", "Baseline", "Pusher", "Outcome", "ModelCard", "RunReport")


def tasks(spec: Spec) -> dict[str, Spec]:
    """The tasks of the root graph by node id."""
    found: dict[str, Spec] = spec["root"]["dag"]["tasks"]
    return found


def executor_label(spec: Spec, node: str) -> str:
    """The key of the node's executor, in the specification and in the platform document."""
    component = tasks(spec)[node]["componentRef"]["name"]
    return str(spec["components"][component]["executorLabel"])


def containers(spec: Spec) -> Iterator[tuple[str, Spec]]:
    """Each node id with its container."""
    executors = spec["deploymentSpec"]["executors"]
    for node in tasks(spec):
        executor = executors[executor_label(spec, node)]
        if "container" in executor:
            yield node, executor["container"]


def schema_2_1(spec: Spec) -> None:
    """The one schema that the backend accepts.

    Raises:
      ValueError: the specification was built for an older one, which lays parameters out differently.
    """
    if spec.get("schemaVersion") != SCHEMA_VERSION:
        raise ValueError(f"compiled for schema {spec.get('schemaVersion')}; build it with use_pipeline_spec_2_1=True")


def pipeline_root(root: str) -> Pass:
    """Where artifacts go: TFX writes it into the part of the file that YAML leaves out."""

    def apply(spec: Spec) -> None:
        spec["defaultPipelineRoot"] = root

    return apply


def drivers_in_the_entrypoint(spec: Spec) -> None:
    """The backend never reads ``lifecycle.preCacheCheck``: the entrypoint runs that driver before the executor."""
    for _, container in containers(spec):
        lifecycle = container.pop("lifecycle", None)
        if lifecycle:
            command = lifecycle["preCacheCheck"]["command"]
            container["args"] += ["--driver", command[command.index("-m") + 1]]


def parameter_defaults(defaults: Mapping[str, str | int | float]) -> Pass:
    """The values of the run's parameters where nobody gives others: TFX's compiler drops them.

    Raises:
      ValueError: a parameter has no default.
    """

    def apply(spec: Spec) -> None:
        parameters = spec["root"].get("inputDefinitions", {}).get("parameters", {})
        for name, parameter in parameters.items():
            if name not in defaults:
                raise ValueError(f"the runtime parameter {name} has no default")
            parameter["defaultValue"] = defaults[name]

    return apply


def caching(spec: Spec) -> None:
    """Off for the nodes whose state lies outside the cache key; the others keep what the pipeline says."""
    for node, task in tasks(spec).items():
        if node in STATEFUL:
            task["cachingOptions"] = {"enableCache": False}


def conditions(outputs: Mapping[str, str]) -> Pass:
    """What waits for one of these nodes runs only where its output is true; whatever comes after that is skipped too.

    The condition is on each task itself: Argo leaves out what depends on a task that was left out. A graph of its own
    for them, as the SDK compiles conditions, would hide its nodes' states from the run's page (kubeflow/pipelines
    #11979) and would have to be handed every artifact and parameter.

    Args:
      outputs: node id -> key of an output, an artifact ``tfx.types.standard_artifacts.Boolean``.
    """

    def apply(spec: Spec) -> None:
        components = spec["components"]
        for gate in outputs.keys() & tasks(spec).keys():
            key = outputs[gate]
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

    return apply


def retries(settings: RetrySettings) -> Pass:
    """A failed node is tried again after a while that grows. The last gate is not: a refusal stays one."""
    policy = {
        "maxRetryCount": settings.attempts,
        "backoffDuration": f"{settings.backoff}s",
        "backoffFactor": settings.factor,
        # Not the longest wait, as its name says: Argo counts it from the first attempt's start, and then gives up.
        "backoffMaxDuration": f"{settings.within}s",
    }

    def apply(spec: Spec) -> None:
        for node, task in tasks(spec).items():
            if settings.attempts and node != "OutcomeGate":
                task["retryPolicy"] = dict(policy)

    return apply


def resources(settings: KubeflowSettings) -> Pass:
    """CPU, memory and GPUs of every node, in the fields that every backend from 2.5 on reads: cores and 10⁹ bytes.

    TFX drops what a FileBasedExampleGen asks for (tfx#6146). Ephemeral storage has no field: see ``platform``.
    """

    def apply(spec: Spec) -> None:
        for node, container in containers(spec):
            container["resources"] = _resource_spec(settings.resources_of(node), settings.gpu)

    return apply


def _resource_spec(asked: NodeResources, gpu: GpuSettings) -> Spec:
    memory = quantity(asked.memory) / 1e9
    spec: Spec = {"cpuRequest": quantity(asked.cpu), "memoryRequest": memory, "memoryLimit": memory}
    if asked.cpu_limit:
        spec["cpuLimit"] = quantity(asked.cpu_limit)
    if asked.gpus:
        spec["accelerator"] = {"type": gpu.resource, "count": str(asked.gpus)}  # an int64: a string in protobuf's JSON
    return spec


def environment(settings: KubeflowSettings) -> Pass:
    """The user's variables, and temporary files on the scratch volume where there is one."""

    def apply(spec: Spec) -> None:
        for node, container in containers(spec):
            scratch = {"TMPDIR": SCRATCH} if settings.resources_of(node).scratch else {}
            variables = {**scratch, **settings.env}
            if variables:
                container["env"] = [{"name": name, "value": value} for name, value in sorted(variables.items())]

    return apply


def failure_alerts(alerts: FailureAlerts) -> Pass:
    """Passes to the entrypoint what it needs to report a failure: an exit handler cannot take runtime parameters."""

    def apply(spec: Spec) -> None:
        for _, container in containers(spec):
            container["args"] += ["--alerts", alerts.model_dump_json()]

    return apply


def entrypoint_arguments(types: Mapping[str, Mapping[str, Mapping[str, str]]]) -> Pass:
    """Tells the entrypoint its node and the Python types of its artifacts: the backend tells neither.

    Args:
      types: node id -> "inputs" | "outputs" -> key -> import path of the artifact's class.
    """

    def apply(spec: Spec) -> None:
        for node, container in containers(spec):
            container["args"] += ["--node", node, "--artifact_types", json.dumps(types[node], sort_keys=True)]

    return apply
