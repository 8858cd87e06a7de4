"""The AnomalyGate component."""

from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.artifact_types import GateVerdict
from components.component import Component
from components.gates.anomaly_gate.executor import Executor


class AnomalyGateSpec(ComponentSpec):
    """Anomalies, and the statistics and schema that they come from, in; a verdict out.

    A split of fewer than ``min_images`` images is not compared. ``code_digest`` is a part of the cache key.
    """

    INPUTS = {
        "anomalies": ChannelParameter(type=standard_artifacts.ExampleAnomalies),
        "statistics": ChannelParameter(type=standard_artifacts.ExampleStatistics),
        "schema": ChannelParameter(type=standard_artifacts.Schema),
    }
    OUTPUTS = {"verdict": ChannelParameter(type=GateVerdict)}
    PARAMETERS = {
        "min_images": ExecutionParameter(type=int),
        "code_digest": ExecutionParameter(type=str),
    }


class AnomalyGate(Component):
    """Stops the run with ``DataRefused`` if any split has anomalies, differs from train, or has drifted.

    Drift is computed if the Examples have the split ``features.PREVIOUS``. The schema's comparators name the features
    and the largest distances allowed.

    Nodes that must not see bad data run after it: they take ``verdict``, or call ``add_upstream_node(anomaly_gate)``.
    """

    SPEC_CLASS = AnomalyGateSpec
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)
