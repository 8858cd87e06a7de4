"""The PairScores component."""

from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.artifact_types import PairScores
from components.component import Component
from components.pair_scores.executor import Executor


class PairScorerSpec(ComponentSpec):
    """Pairs, candidate and optional baseline; the table of scores."""

    INPUTS = {
        "examples": ChannelParameter(type=standard_artifacts.Examples),
        "model": ChannelParameter(type=standard_artifacts.Model),
        "baseline_model": ChannelParameter(type=standard_artifacts.Model, optional=True),
    }
    OUTPUTS = {"scores": ChannelParameter(type=PairScores)}
    PARAMETERS = {"code_digest": ExecutionParameter(type=str)}


class PairScorer(Component):
    """Scores every test pair with the candidate and with the served model.

    Both models read the same Examples through ``serving_default``, each resizing to its own input.
    """

    SPEC_CLASS = PairScorerSpec
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)
