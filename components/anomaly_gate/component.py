"""The AnomalyGate component."""

from typing import ClassVar

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.channel import BaseChannel, Channel
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.anomaly_gate.executor import Executor
from components.run_outcome.artifacts import GateVerdict


class AnomalyGateSpec(ComponentSpec):
    """Input: anomalies, and the statistics and schema that they come from. Output: a verdict."""

    INPUTS: ClassVar = {
        "anomalies": ChannelParameter(type=standard_artifacts.ExampleAnomalies),
        "statistics": ChannelParameter(type=standard_artifacts.ExampleStatistics),
        "schema": ChannelParameter(type=standard_artifacts.Schema),
    }
    OUTPUTS: ClassVar = {"verdict": ChannelParameter(type=GateVerdict)}
    PARAMETERS: ClassVar = {
        "min_images": ExecutionParameter(type=int),
        "code_digest": ExecutionParameter(type=str),
    }


class AnomalyGate(base_component.BaseComponent):
    """Stops the run with ``DataRefused`` if any split has anomalies, differs from train, or has drifted.

    Drift is computed if the Examples have the split ``features.PREVIOUS``. The schema's comparators name the features
    and the largest distances allowed.

    Nodes that must not see bad data run after it: they take ``verdict``, or call ``add_upstream_node(anomaly_gate)``.
    """

    SPEC_CLASS = AnomalyGateSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self, anomalies: BaseChannel, statistics: BaseChannel, schema: BaseChannel, min_images: int, code_digest: str
    ) -> None:
        super().__init__(
            AnomalyGateSpec(
                anomalies=anomalies,
                statistics=statistics,
                schema=schema,
                min_images=min_images,
                code_digest=code_digest,
                verdict=Channel(type=GateVerdict),
            )
        )
