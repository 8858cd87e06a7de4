"""What a user may set about the cluster. Plain pydantic: checked in milliseconds."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from models.settings import Settings
from pipeline.config.kubeflow_client import ConnectionSettings, ScheduleSettings

DEFAULT = "default"  # the key of the resources of every node that has none of its own

_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)(m|[kMGTPE]|[KMGTPE]i)?")
_UNITS = {"m": 1e-3, "": 1.0} | {
    f"{letter}{suffix}": base**power
    for suffix, base in (("", 1000.0), ("i", 1024.0))
    for power, letter in enumerate("KMGTPE", start=1)
}


def quantity(text: str) -> float:
    """A Kubernetes quantity as a number: "500m" -> 0.5, "4Gi" -> 4294967296.0.

    Raises:
      ValueError: it is none.
    """
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError(f"must be a Kubernetes quantity such as 500m, 2, 4Gi or 20G, got {text!r}")
    unit = match[2] or ""
    return float(match[1]) * _UNITS["K" if unit == "k" else unit]


def _checked(text: str) -> str:
    quantity(text)
    return text


Quantity = Annotated[str, Field(coerce_numbers_to_str=True), AfterValidator(_checked)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=253)]
MountPath = Annotated[str, Field(pattern=r"^/[^:]+$")]


class NodeResources(Settings):
    """What the pod of a node asks for."""

    cpu: Quantity = Field("1", description="cores asked for")
    cpu_limit: Quantity | None = Field(None, description="cores at most; default: what the node of the cluster has")
    memory: Quantity = Field("4Gi", description="asked for, and the limit")
    scratch: Quantity | None = Field("10Gi", description="ephemeral storage for temporary files, at most")
    gpus: int = Field(0, ge=0, description="asked for, and the limit")
    shared_memory: Quantity | None = Field(None, description="size of /dev/shm")


class Toleration(Settings):
    """A taint of the cluster's nodes that pods put up with."""

    key: str | None = Field(None, description="of the taint; default: any")
    operator: Literal["Exists", "Equal"] = Field("Exists", description="Equal compares the value too")
    value: str | None = Field(None, description="of the taint")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        None, description="of the taint; default: any"
    )
    toleration_seconds: int | None = Field(
        None, description="how long a pod stays on a node that is tainted later (NoExecute); default: for ever"
    )


class GpuSettings(Settings):
    """What the pods of nodes with ``gpus`` need beside the count."""

    resource: str = Field(
        "nvidia.com/gpu", pattern=r"^[a-z0-9.-]+/[A-Za-z0-9._-]+$", description="what the cluster calls one GPU"
    )
    node_selector: dict[str, str] = Field({}, description="labels of the nodes that have GPUs")
    tolerations: tuple[Toleration, ...] = Field(
        (Toleration(key="nvidia.com/gpu", effect="NoSchedule"),), description="taints of those nodes"
    )


class RetrySettings(Settings):
    """How often a failed node is tried again, and when."""

    attempts: int = Field(2, ge=0, le=10, description="after the first one")
    backoff: int = Field(30, ge=1, description="seconds before the first retry")
    factor: int = Field(2, ge=1, description="by which the wait grows; Argo reads whole numbers only")
    within: int = Field(
        7 * 24 * 3600,
        ge=60,
        description="seconds from the first attempt's start: then nothing is tried again, a retry that runs is ended",
    )


class ForNodes(Settings):
    """What the pods of some nodes have, or of all."""

    nodes: tuple[str, ...] = Field((), description="node ids; default: all")

    def is_for(self, node: str) -> bool:
        """Whether the node's pod has it."""
        return not self.nodes or node in self.nodes


class VolumeMount(ForNodes):
    """A persistent volume claim, mounted into the nodes' pods."""

    claim: Name = Field(description="its name")
    path: MountPath = Field(description="where pods see it")
    sub_path: str | None = Field(None, description="the folder of the volume that they see; default: all of it")


class SecretMount(ForNodes):
    """A secret, as files or as environment variables of the nodes' pods."""

    name: Name = Field(description="of the secret")
    path: MountPath | None = Field(None, description="a folder with a file a key")
    env: dict[str, str] = Field({}, description="key of the secret -> environment variable")
    optional: bool = Field(False, description="whether pods start without it")

    @model_validator(mode="after")
    def _one_way(self) -> "SecretMount":
        if bool(self.path) == bool(self.env):
            raise ValueError(f"the secret {self.name} must have either path or env")
        return self


class KubeflowSettings(Settings):
    """How the graph runs on a cluster with Kubeflow Pipelines."""

    host: str | None = Field(None, description="address of the server; default: the environment's")
    namespace: str | None = Field(None, description="of the runs, on a server of many users")
    experiment: str = Field("siamese", min_length=1, description="that runs are shown under")
    connection: ConnectionSettings = ConnectionSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    image: str | None = Field(None, description="the container image of every node, by digest or tag")
    pipeline_root: str | None = Field(
        None, pattern=r"^(gs|s3|minio)://[^/]+(/.*)?$", description="where artifacts go: gs://, s3:// or minio://"
    )
    resources: dict[str, NodeResources] = Field(
        {
            DEFAULT: NodeResources(),
            "Trainer": NodeResources(cpu="4", memory="16Gi", scratch="50Gi", gpus=1, shared_memory="2Gi"),
        },
        description=f"by node id; {DEFAULT} is for all others",
    )
    gpu: GpuSettings = GpuSettings()
    retries: RetrySettings = RetrySettings()
    timeout: int | None = Field(None, ge=60, description="seconds that one attempt of a node may take")
    volumes: tuple[VolumeMount, ...] = Field((), description="persistent volume claims, mounted into pods")
    secrets: tuple[SecretMount, ...] = Field((), description="secrets, as files or environment variables of pods")
    env: dict[str, str] = Field({}, description="environment variables of every pod")
    node_selector: dict[str, str] = Field({}, description="labels of the nodes that pods may run on")
    tolerations: tuple[Toleration, ...] = Field((), description="taints of the nodes that pods put up with")
    labels: dict[str, str] = Field({}, description="of every pod")
    annotations: dict[str, str] = Field({}, description="of every pod")
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = Field(
        None, description="default: the cluster's own"
    )
    image_pull_secrets: tuple[Name, ...] = Field(
        (), description="names of the secrets that the registry of the image asks for"
    )
    service_account: Name | None = Field(None, description="that the pods run as; default: the cluster's own")
    run_as_user: int | None = Field(None, ge=1, description="of the pods; default: the image's; KFP 2.16 or later")
    checkpoints: MountPath | None = Field(
        None, description="a folder of a volume in which a stopped training finds its state when it is tried again"
    )
    fail_when_refused: bool = Field(True, description="a run whose gates refused ends as failed, after all its work")

    def resources_of(self, node: str) -> NodeResources:
        """What the node's pod asks for."""
        alike = {"Tuner": "Trainer"}.get(node, DEFAULT)  # it trains too
        return self.resources.get(node) or self.resources.get(alike) or self.resources.get(DEFAULT) or NodeResources()
