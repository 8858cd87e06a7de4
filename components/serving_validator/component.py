"""The ServingValidator component."""

import json
from typing import ClassVar

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.channel import BaseChannel, Channel
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.pair_scores.artifacts import PairScores
from components.run_outcome.artifacts import GateVerdict
from components.serving_validator.executor import Executor
from components.serving_validator.settings import ServingValidatorSettings


class ServingValidatorSpec(ComponentSpec):
    """A model, real pairs and what they score in; an infra blessing and its reason out."""

    INPUTS: ClassVar = {
        "model": ChannelParameter(type=standard_artifacts.Model),
        "examples": ChannelParameter(type=standard_artifacts.Examples),
        "scores": ChannelParameter(type=PairScores),
    }
    OUTPUTS: ClassVar = {
        "blessing": ChannelParameter(type=standard_artifacts.InfraBlessing),
        "verdict": ChannelParameter(type=GateVerdict),
    }
    PARAMETERS: ClassVar = {
        "settings": ExecutionParameter(type=str),
        "code_digest": ExecutionParameter(type=str),
    }


class ServingValidator(base_component.BaseComponent):
    """Loads the exported model in a fresh process, as a server would, and asks it what clients will ask.

    Args:
      model: the candidate.
      examples: PairGenerator's pairs, whose test split carries pixels.
      scores: PairScores' table of the same pairs and the same model.
      settings: how many pairs are asked, how equal their scores must be, how long it may take.
      code_digest: changes when the code does, so that no stale result is taken from the cache.
    """

    SPEC_CLASS = ServingValidatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        model: BaseChannel,
        examples: BaseChannel,
        scores: BaseChannel,
        settings: ServingValidatorSettings,
        code_digest: str,
    ) -> None:
        # What concerns the other runtimes alone must not spoil the cache.
        concerned = settings.model_dump(mode="json", exclude={"runtime", "image"})
        super().__init__(
            ServingValidatorSpec(
                model=model,
                examples=examples,
                scores=scores,
                settings=json.dumps(concerned, sort_keys=True),
                code_digest=code_digest,
                blessing=Channel(type=standard_artifacts.InfraBlessing),
                verdict=Channel(type=GateVerdict),
            )
        )
