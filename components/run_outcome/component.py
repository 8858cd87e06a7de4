"""The components Outcome and, if a refusal is to fail the run, OutcomeGate."""

from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.artifact_types import RunOutcome
from components.component import Component
from components.run_outcome.artifacts import GATE_INPUTS
from components.run_outcome.executor import Executor, GateExecutor


class RunOutcomeSpec(ComponentSpec):
    """Every gate's verdict and the push in; the outcome out.

    Parameters: ``pipeline_name`` in the notification; ``run_id``, a part of the cache key, so that every run has its
    outcome; ``alerts``, ``AlertSettings``: who is notified.
    """

    INPUTS = {"pushed_model": ChannelParameter(type=standard_artifacts.PushedModel), **GATE_INPUTS}
    OUTPUTS = {"outcome": ChannelParameter(type=RunOutcome)}
    PARAMETERS = {
        "pipeline_name": ExecutionParameter(type=str),
        "run_id": ExecutionParameter(type=str),
        "alerts": ExecutionParameter(type=str),
    }


class OutcomeWriter(Component):
    """Writes the outcome of the run and notifies ``alerts.webhook``."""

    SPEC_CLASS = RunOutcomeSpec
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)


class OutcomeGateSpec(ComponentSpec):
    """The outcome in; no output."""

    INPUTS = {"outcome": ChannelParameter(type=RunOutcome)}
    OUTPUTS: dict[str, ChannelParameter] = {}
    PARAMETERS: dict[str, ExecutionParameter] = {}


class OutcomeGate(Component):
    """Raises ``GateRefusal`` if the model was refused, so that the run itself fails.

    A separate node: a node that fails on Kubeflow publishes no artifact, and the outcome must be published.
    """

    SPEC_CLASS = OutcomeGateSpec
    EXECUTOR_SPEC = ExecutorClassSpec(GateExecutor)
