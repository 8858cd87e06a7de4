"""The ModelGate component."""

from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.artifact_types import BaselineFound, GateVerdict, MeasuredPairs, PairScores
from components.component import Component
from components.gates.model_gate.executor import Executor


class ModelGateSpec(ComponentSpec):
    """Scored pairs, and the models for their serving cost, in; blessing, verdict and intervals out.

    Parameters: ``gates``, ``GateSettings`` (the thresholds); ``measures_settings``, ``MeasureSettings`` (the metrics);
    ``split``, the rule and seed that made the test split (``by: image`` draws images in the bootstrap, all else
    identities); ``seed`` of the bootstrap; ``code_digest``, a part of the cache key.
    """

    INPUTS = {
        "scores": ChannelParameter(type=PairScores),
        "model": ChannelParameter(type=standard_artifacts.Model),
        "baseline_model": ChannelParameter(type=standard_artifacts.Model, optional=True),
        "baseline": ChannelParameter(type=BaselineFound, optional=True),
    }
    OUTPUTS = {
        "blessing": ChannelParameter(type=standard_artifacts.ModelBlessing),
        "verdict": ChannelParameter(type=GateVerdict),
        "measures": ChannelParameter(type=MeasuredPairs),
    }
    PARAMETERS = {
        "gates": ExecutionParameter(type=str),
        "measures_settings": ExecutionParameter(type=str),
        "split": ExecutionParameter(type=str),
        "seed": ExecutionParameter(type=int),
        "code_digest": ExecutionParameter(type=str),
    }


class ModelGate(Component):
    """Blesses a candidate that passes the sanity gates and its thresholds, and is not worse than the served model.

    A refusal is a verdict, not a failure: the run goes on, and the Pusher pushes nothing.
    """

    SPEC_CLASS = ModelGateSpec
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)
