"""The node that gives the infra blessing, whichever way the configuration wants it."""

from tfx.dsl.components.base.base_component import BaseComponent
from tfx.types.channel import BaseChannel

from components.serving_validator.component import ServingValidator
from components.serving_validator.settings import ServingValidatorSettings
from components.serving_validator.tensorflow_serving import TensorFlowServingValidator


def serving_validator(
    settings: ServingValidatorSettings,
    model: BaseChannel,
    examples: BaseChannel,
    scores: BaseChannel,
    code_digest: str,
) -> BaseComponent:
    """The node with the outputs ``blessing`` and ``verdict``, the same for each ``settings.runtime``.

    ``scores`` and ``code_digest`` concern the fresh process alone: TensorFlow Serving is asked, but its answers are not
    compared.
    """
    if settings.runtime == "process":
        return ServingValidator(model, examples, scores, settings, code_digest)
    return TensorFlowServingValidator(model, examples, settings).with_id("ServingValidator")
