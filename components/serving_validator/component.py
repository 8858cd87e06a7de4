"""The ServingValidator component, for each ``serving_validator.runtime``."""

import json
from typing import ClassVar

from tfx.dsl.components.base import base_component, executor_spec
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.types import standard_artifacts
from tfx.types.channel import BaseChannel, Channel
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.pair_scores.artifacts import PairScores
from components.run_outcome.artifacts import GateVerdict
from components.serving_validator.executor import Executor
from components.serving_validator.settings import ServingValidatorSettings
from components.serving_validator.tensorflow_serving import TensorFlowServingValidator


class ServingValidatorSpec(ComponentSpec):
    """Input: a model, real pairs and their scores. Output: an infra blessing and a verdict."""

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
    """Loads the exported model in a fresh process, as a server would, and sends it the requests of clients.

    Args:
      model: the candidate.
      examples: PairGenerator's pairs, whose test split carries pixels.
      scores: PairScores' table of the same pairs and the same model.
      settings: number of pairs, tolerance of their scores, timeout.
      code_digest: changes when the code does, so that no stale result comes from the cache.
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
        # Settings of the other runtimes must not invalidate the cache.
        relevant = settings.model_dump(mode="json", exclude={"runtime", "image"})
        super().__init__(
            ServingValidatorSpec(
                model=model,
                examples=examples,
                scores=scores,
                settings=json.dumps(relevant, sort_keys=True),
                code_digest=code_digest,
                blessing=Channel(type=standard_artifacts.InfraBlessing),
                verdict=Channel(type=GateVerdict),
            )
        )


def serving_validator(
    settings: ServingValidatorSettings,
    model: BaseChannel,
    examples: BaseChannel,
    scores: BaseChannel,
    code_digest: str,
) -> BaseComponent:
    """The node "ServingValidator" with the outputs ``blessing`` and ``verdict``, for each ``settings.runtime``.

    ``scores`` and ``code_digest`` are for the fresh process alone: answers of TensorFlow Serving are not compared.
    """
    if settings.runtime == "process":
        return ServingValidator(model, examples, scores, settings, code_digest)
    return TensorFlowServingValidator(model, examples, settings).with_id("ServingValidator")
