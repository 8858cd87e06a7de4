"""The pipeline specification that TFX compiles, and the registry of the passes that adapt it to the backend.

A specification is what protobuf's JSON has for ``PipelineSpec`` (camelCase). Node ids are task names;
``deploymentSpec.executors`` are by the label of the task's component.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.config.kubeflow import KubeflowSettings

Spec = dict[str, Any]

SCRATCH = "/scratch"  # where pods keep temporary files; mounted by the platform document
CONDITION = "condition-"  # prefix of parameters that only the backend reads


@dataclass(frozen=True)
class Target:
    """What a specification is compiled for.

    Attributes:
      settings: of the pods.
      pipeline_root: where artifacts go.
      defaults: of the pipeline's runtime parameters.
      types: node id -> "inputs" | "outputs" -> key -> import path of the artifact's class.
      alerts: JSON for the entrypoint of a failed node, or None.
    """

    settings: KubeflowSettings = field(default_factory=KubeflowSettings)
    pipeline_root: str = ""
    defaults: Mapping[str, str | int | float] = field(default_factory=dict)
    types: Mapping[str, Mapping[str, Mapping[str, str]]] = field(default_factory=dict)
    alerts: str | None = None


Pass = Callable[[Spec, Target], None]

PASSES: list[Pass] = []


def compiler_pass(function: Pass) -> Pass:
    """Registers a pass, which changes one thing of a specification in place.

    Every module of ``passes`` is imported, by name, so a pass is complete with its one file.
    """
    PASSES.append(function)
    return function


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
