"""The ServingValidator component, for each ``serving_validator.runtime``."""

from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import standard_artifacts
from tfx.types.channel import BaseChannel
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.artifact_types import GateVerdict, PairScores
from components.component import Component
from components.gates.serving_validator.executor import Executor
from components.gates.serving_validator.settings import ServingValidatorSettings
from components.gates.serving_validator.tensorflow_serving import TensorFlowServingValidator


class ServingValidatorSpec(ComponentSpec):
    """A model, pairs whose test split carries pixels, and their scores by this model in; infra blessing and verdict.

    Parameters: ``settings``, of ``ServingValidatorSettings``: number of pairs, tolerance of their scores, timeout in
    seconds; ``code_digest``, a part of the cache key.
    """

    INPUTS = {
        "model": ChannelParameter(type=standard_artifacts.Model),
        "examples": ChannelParameter(type=standard_artifacts.Examples),
        "scores": ChannelParameter(type=PairScores),
    }
    OUTPUTS = {
        "blessing": ChannelParameter(type=standard_artifacts.InfraBlessing),
        "verdict": ChannelParameter(type=GateVerdict),
    }
    PARAMETERS = {
        "settings": ExecutionParameter(type=str),
        "code_digest": ExecutionParameter(type=str),
    }


class ServingValidator(Component):
    """Loads the exported model in a fresh process, as a server would, and sends it the requests of clients."""

    SPEC_CLASS = ServingValidatorSpec
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)


def serving_validator(
    settings: ServingValidatorSettings,
    model: BaseChannel,
    examples: BaseChannel,
    scores: BaseChannel,
) -> BaseComponent:
    """The node "ServingValidator" with the outputs ``blessing`` and ``verdict``, for each ``settings.runtime``.

    ``scores`` are for the fresh process alone: answers of TensorFlow Serving are not compared.
    """
    if settings.runtime == "process":
        # An image that is not used must not invalidate the cache.
        used = settings.model_copy(update={"image": ServingValidatorSettings().image})
        return ServingValidator(model=model, examples=examples, scores=scores, settings=used)
    return TensorFlowServingValidator(settings, model=model, examples=examples).with_id("ServingValidator")
