"""Plants one problem into the good pipeline and checks it."""

from collections.abc import Callable
from typing import Any

from good_pipeline import good

from pipeline.runners.kubeflow.check import Finding, findings

Plant = Callable[[dict[str, Any], dict[str, Any]], Any]


def found_after(plant: Plant) -> list[Finding]:
    """The findings in the good pipeline after ``plant(spec, executors of the platform document)``."""
    spec, platform = good()
    plant(spec, platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"])
    return findings([spec, platform])


def tasks(spec: dict[str, Any]) -> dict[str, Any]:
    """The root's."""
    found: dict[str, Any] = spec["root"]["dag"]["tasks"]
    return found


def container(spec: dict[str, Any], node: str = "Trainer") -> dict[str, Any]:
    """Of a node's executor."""
    found: dict[str, Any] = spec["deploymentSpec"]["executors"][f"{node}_executor"]["container"]
    return found


def argument(spec: dict[str, Any], name: str, value: str, node: str = "Trainer") -> None:
    """Gives an argument of the node's entrypoint another value."""
    args = container(spec, node)["args"]
    args[args.index(name) + 1] = value
