"""The components Outcome and, if a refusal is to fail the run, OutcomeGate."""

from collections.abc import Mapping
from typing import ClassVar

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.channel import BaseChannel, Channel
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.run_outcome.artifacts import GATE_INPUTS, RunOutcome
from components.run_outcome.executor import Executor, GateExecutor
from components.run_outcome.settings import AlertSettings


class RunOutcomeSpec(ComponentSpec):
    """Input: every gate's verdict and the push. Output: the outcome."""

    INPUTS: ClassVar = {"pushed_model": ChannelParameter(type=standard_artifacts.PushedModel), **GATE_INPUTS}
    OUTPUTS: ClassVar = {"outcome": ChannelParameter(type=RunOutcome)}
    PARAMETERS: ClassVar = {
        "pipeline_name": ExecutionParameter(type=str),
        "run_id": ExecutionParameter(type=str),
        "alerts": ExecutionParameter(type=str),
    }


class OutcomeWriter(base_component.BaseComponent):
    """Writes the outcome of the run and notifies ``alerts.webhook``.

    Args:
      pushed_model: the Pusher's.
      gates: of ``artifacts.gate_channels``.
      pipeline_name: in the notification.
      run_id: of the run; part of the cache key, so that every run has its outcome.
      alerts: who is notified.
    """

    SPEC_CLASS = RunOutcomeSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        pushed_model: BaseChannel,
        gates: Mapping[str, BaseChannel],
        pipeline_name: str,
        run_id: str,
        alerts: AlertSettings,
    ) -> None:
        super().__init__(
            RunOutcomeSpec(
                pushed_model=pushed_model,
                **gates,
                pipeline_name=pipeline_name,
                run_id=run_id,
                alerts=alerts.model_dump_json(),
                outcome=Channel(type=RunOutcome),
            )
        )


class OutcomeGateSpec(ComponentSpec):
    """Input: the outcome. No output."""

    INPUTS: ClassVar = {"outcome": ChannelParameter(type=RunOutcome)}
    OUTPUTS: ClassVar[dict[str, ChannelParameter]] = {}
    PARAMETERS: ClassVar[dict[str, ExecutionParameter]] = {}


class OutcomeGate(base_component.BaseComponent):
    """Raises ``GateRefusal`` if the model was refused, so that the run itself fails.

    A separate node: a node that fails on Kubeflow publishes no artifact, and the outcome must be published.
    """

    SPEC_CLASS = OutcomeGateSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(GateExecutor)

    def __init__(self, outcome: BaseChannel) -> None:
        super().__init__(OutcomeGateSpec(outcome=outcome))
