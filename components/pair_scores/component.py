"""The PairScores component."""

from typing import ClassVar

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.channel import BaseChannel, Channel
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.pair_scores.artifacts import PairScores
from components.pair_scores.executor import Executor


class PairScorerSpec(ComponentSpec):
    """Pairs, candidate and optional baseline; the table of scores."""

    INPUTS: ClassVar = {
        "examples": ChannelParameter(type=standard_artifacts.Examples),
        "model": ChannelParameter(type=standard_artifacts.Model),
        "baseline_model": ChannelParameter(type=standard_artifacts.Model, optional=True),
    }
    OUTPUTS: ClassVar = {"scores": ChannelParameter(type=PairScores)}
    PARAMETERS: ClassVar = {"code_digest": ExecutionParameter(type=str)}


class PairScorer(base_component.BaseComponent):
    """Scores every test pair with the candidate and with the served model.

    Both models read the same Examples through ``serving_default``, each resizing to its own input.
    """

    SPEC_CLASS = PairScorerSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self, examples: BaseChannel, model: BaseChannel, code_digest: str, baseline_model: BaseChannel | None = None
    ) -> None:
        super().__init__(
            PairScorerSpec(
                examples=examples,
                model=model,
                baseline_model=baseline_model,
                code_digest=code_digest,
                scores=Channel(type=PairScores),
            )
        )
