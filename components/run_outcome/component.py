"""The components Outcome and, where a refusal is to fail the run, OutcomeGate."""

from typing import ClassVar

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.channel import BaseChannel, Channel
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.run_outcome.artifacts import RunOutcome
from components.run_outcome.executor import Executor, GateExecutor
from components.run_outcome.gate_verdict import GateVerdict
from components.run_outcome.settings import AlertSettings


class RunOutcomeSpec(ComponentSpec):
    """The verdicts and the push."""

    INPUTS: ClassVar = {
        "pushed_model": ChannelParameter(type=standard_artifacts.PushedModel),
        "evaluation": ChannelParameter(type=standard_artifacts.ModelEvaluation),
        "gate_verdict": ChannelParameter(type=GateVerdict),
        "infra_verdict": ChannelParameter(type=GateVerdict),
    }
    OUTPUTS: ClassVar = {"outcome": ChannelParameter(type=RunOutcome)}
    PARAMETERS: ClassVar = {
        "pipeline_name": ExecutionParameter(type=str),
        "run_id": ExecutionParameter(type=str),
        "alerts": ExecutionParameter(type=str),
    }


class OutcomeWriter(base_component.BaseComponent):
    """Writes down what the run came to and tells it to ``alerts.webhook``.

    Args:
      pushed_model: the Pusher's.
      evaluation: the Evaluator's.
      gate_verdict: the ModelGate's.
      infra_verdict: the ServingValidator's.
      pipeline_name: for whom it is told.
      run_id: of the run; in the cache key, so that no run goes without an outcome.
      alerts: who hears of it.
    """

    SPEC_CLASS = RunOutcomeSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        pushed_model: BaseChannel,
        evaluation: BaseChannel,
        gate_verdict: BaseChannel,
        infra_verdict: BaseChannel,
        pipeline_name: str,
        run_id: str,
        alerts: AlertSettings,
    ) -> None:
        super().__init__(
            RunOutcomeSpec(
                pushed_model=pushed_model,
                evaluation=evaluation,
                gate_verdict=gate_verdict,
                infra_verdict=infra_verdict,
                pipeline_name=pipeline_name,
                run_id=run_id,
                alerts=alerts.model_dump_json(),
                outcome=Channel(type=RunOutcome),
            )
        )


class OutcomeGateSpec(ComponentSpec):
    """The outcome, and nothing to give."""

    INPUTS: ClassVar = {"outcome": ChannelParameter(type=RunOutcome)}
    OUTPUTS: ClassVar[dict[str, ChannelParameter]] = {}
    PARAMETERS: ClassVar[dict[str, ExecutionParameter]] = {}


class OutcomeGate(base_component.BaseComponent):
    """Raises ``GateRefusal`` where the model was refused, so that the run is seen to fail.

    A node of its own: a node that fails on Kubeflow leaves nothing behind, and the outcome is to be found.
    """

    SPEC_CLASS = OutcomeGateSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(GateExecutor)

    def __init__(self, outcome: BaseChannel) -> None:
        super().__init__(OutcomeGateSpec(outcome=outcome))
