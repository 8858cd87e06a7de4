"""Settings of the cluster."""

import re
from typing import Annotated, Literal

from pydantic import Field, model_validator

from models.settings import Settings
from pipeline.config.kubeflow_client import ConnectionSettings, ScheduleSettings, accepted_by

DEFAULT = "default"  # the key of the resources of every node that has none of its own

_TEN_YEARS = 315_360_000  # seconds
_QUANTITY = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)(m|[kMGTPE]|[KMGTPE]i)?")
_UNITS = {"m": 1e-3, "": 1.0} | {
    f"{letter}{suffix}": base**power
    for suffix, base in (("", 1000.0), ("i", 1024.0))
    for power, letter in enumerate("KMGTPE", start=1)
}


def quantity(text: str) -> float:
    """Parses a Kubernetes quantity: "500m" -> 0.5, "4Gi" -> 4294967296.0.

    Raises:
      ValueError: it is not a quantity.
    """
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError(f"must be a Kubernetes quantity such as 500m, 2, 4Gi or 20G, got {text!r}")
    unit = match[2] or ""
    return float(match[1]) * _UNITS["K" if unit == "k" else unit]


Quantity = Annotated[str, Field(coerce_numbers_to_str=True), accepted_by(quantity)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=253)]
Label = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
Key = Annotated[str, Field(pattern=r"^([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$")]
LabelValue = Annotated[str, Field(pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$", max_length=63)]
Variable = Annotated[str, Field(pattern=r"^[-._a-zA-Z][-._a-zA-Z0-9]*$", max_length=253)]
MountPath = Annotated[str, Field(pattern=r"^/[^:]+$")]


class NodeResources(Settings):
    """Resources of a node's pod."""

    cpu: Quantity = Field("1", description="cores requested")
    cpu_limit: Quantity | None = Field(None, description="limit of cores; default: all of the machine")
    memory: Quantity = Field("4Gi", description="memory requested, and its limit")
    scratch: Quantity | None = Field("10Gi", description="limit of ephemeral storage, for temporary files")
    gpus: int = Field(0, ge=0, le=1024, description="GPUs requested, and their limit")
    shared_memory: Quantity | None = Field(None, description="size of /dev/shm")


class Toleration(Settings):
    """A toleration: a taint of machines that pods may be scheduled on nevertheless."""

    key: str | None = Field(None, description="key of the taint; default: any")
    operator: Literal["Exists", "Equal"] = Field("Exists", description="Equal compares the value too")
    value: str | None = Field(None, description="value of the taint")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        None, description="effect of the taint; default: any"
    )
    toleration_seconds: int | None = Field(
        None, ge=0, description="seconds that a pod stays on a machine tainted later (NoExecute); default: without end"
    )


class GpuSettings(Settings):
    """How pods with ``gpus`` are scheduled."""

    resource: str = Field(
        "nvidia.com/gpu", pattern=r"^[a-z0-9.-]+/[A-Za-z0-9._-]+$", description="resource name of one GPU"
    )
    node_selector: dict[Key, LabelValue] = Field({}, description="labels of the machines with GPUs")
    tolerations: tuple[Toleration, ...] = Field(
        (Toleration(key="nvidia.com/gpu", effect="NoSchedule"),), description="tolerated taints of those machines"
    )


class RetrySettings(Settings):
    """Retries of a failed node."""

    attempts: int = Field(2, ge=0, le=10, description="retries after the first attempt")
    backoff: int = Field(30, ge=1, le=86_400, description="seconds before the first retry")
    factor: int = Field(2, ge=1, le=10, description="factor by which the wait grows; Argo accepts integers only")
    within: int = Field(
        7 * 24 * 3600,
        ge=60,
        le=_TEN_YEARS,
        description="seconds from the start of the first attempt; no retry after, and one in progress is ended",
    )


class ForNodes(Settings):
    """Base of settings for the pods of some nodes, or of all."""

    nodes: tuple[str, ...] = Field((), description="node ids; default: all")

    def is_for(self, node: str) -> bool:
        """Whether it is for the node."""
        return not self.nodes or node in self.nodes


class VolumeMount(ForNodes):
    """A persistent volume claim, mounted into the pods of nodes."""

    claim: Name = Field(description="name of the claim")
    path: MountPath = Field(description="mount path in the pods")
    sub_path: str | None = Field(None, description="folder of the volume to mount; default: all of it")


class SecretMount(ForNodes):
    """A secret, as files or environment variables of the pods of nodes."""

    name: Name = Field(description="name of the secret")
    path: MountPath | None = Field(None, description="mount path of a folder with one file per key")
    env: dict[str, Variable] = Field({}, description="key of the secret -> environment variable")
    optional: bool = Field(False, description="start pods without it where it does not exist")

    @model_validator(mode="after")
    def _one_way(self) -> "SecretMount":
        if bool(self.path) == bool(self.env):
            raise ValueError(f"the secret {self.name} must have either path or env")
        return self


class KubeflowSettings(Settings):
    """The graph on a cluster with Kubeflow Pipelines."""

    host: str | None = Field(None, description="address of the server; default: the environment's")
    namespace: Label | None = Field(None, description="namespace of the runs on a multi-user server")
    experiment: str = Field("siamese", min_length=1, max_length=255, description="experiment of the runs")
    connection: ConnectionSettings = ConnectionSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    image: str | None = Field(
        None, pattern=r"^\S+$", max_length=500, description="container image of every node, by digest or tag"
    )
    pipeline_root: str | None = Field(
        None, pattern=r"^(gs|s3|minio)://[^/]+(/.*)?$", description="address for artifacts: gs://, s3:// or minio://"
    )
    resources: dict[str, NodeResources] = Field(
        {
            DEFAULT: NodeResources(),
            "Trainer": NodeResources(cpu="4", memory="16Gi", scratch="50Gi", gpus=1, shared_memory="2Gi"),
        },
        description=f"resources of pods by node id; {DEFAULT}: all other nodes",
    )
    gpu: GpuSettings = GpuSettings()
    retries: RetrySettings = RetrySettings()
    timeout: int | None = Field(
        None, ge=60, le=_TEN_YEARS, description="seconds that one attempt of a node may take; default: no limit"
    )
    volumes: tuple[VolumeMount, ...] = Field((), description="persistent volume claims, mounted into pods")
    secrets: tuple[SecretMount, ...] = Field((), description="secrets, as files or environment variables of pods")
    env: dict[Variable, str] = Field({}, description="environment variables of every pod")
    node_selector: dict[Key, LabelValue] = Field({}, description="labels of the machines that pods may run on")
    tolerations: tuple[Toleration, ...] = Field((), description="taints of machines that pods tolerate")
    labels: dict[Key, LabelValue] = Field({}, description="labels of every pod")
    annotations: dict[Key, str] = Field({}, description="annotations of every pod")
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = Field(
        None, description="pull policy of the image; default: the cluster's"
    )
    image_pull_secrets: tuple[Name, ...] = Field((), description="names of the secrets for the registry of the image")
    service_account: Name | None = Field(None, description="service account of the pods; default: the cluster's")
    run_as_user: int | None = Field(
        None, ge=1, description="user id of the pods; default: the image's; KFP 2.16 or later"
    )
    checkpoints: MountPath | None = Field(
        None, description="folder of a volume that keeps the state of a training for its retries"
    )
    fail_when_refused: bool = Field(True, description="a run that a gate refused ends as failed, after its last node")

    def resources_of(self, node: str) -> NodeResources:
        """The resources of the node's pod."""
        alike = {"Tuner": "Trainer"}.get(node, DEFAULT)  # it trains too
        return self.resources.get(node) or self.resources.get(alike) or self.resources.get(DEFAULT) or NodeResources()
