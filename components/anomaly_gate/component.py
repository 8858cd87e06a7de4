"""The AnomalyGate component."""

from typing import ClassVar

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.channel import BaseChannel, Channel
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.anomaly_gate.executor import Executor
from components.verdict.artifacts import GateVerdict


class AnomalyGateSpec(ComponentSpec):
    """Anomalies in, a verdict out."""

    INPUTS: ClassVar = {"anomalies": ChannelParameter(type=standard_artifacts.ExampleAnomalies)}
    OUTPUTS: ClassVar = {"verdict": ChannelParameter(type=GateVerdict)}
    PARAMETERS: ClassVar = {"code_digest": ExecutionParameter(type=str)}


class AnomalyGate(base_component.BaseComponent):
    """Stops the run with a ``UserError`` when any split has anomalies.

    Whatever must not see bad data runs after it: takes ``verdict``, or ``add_upstream_node(anomaly_gate)``.
    """

    SPEC_CLASS = AnomalyGateSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(self, anomalies: BaseChannel, code_digest: str) -> None:
        super().__init__(
            AnomalyGateSpec(
                anomalies=anomalies,
                code_digest=code_digest,
                verdict=Channel(type=GateVerdict),
            )
        )
