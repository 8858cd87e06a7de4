"""The component ModelCard, between the gates and the Pusher, which stores the card with the model."""

from collections.abc import Mapping
from typing import ClassVar

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.channel import BaseChannel, Channel
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.baseline.artifacts import BaselineFound
from components.image_example_gen.artifacts import IngestReport
from components.model_card import artifacts as card
from components.model_card.executor import Executor
from components.model_gate.artifacts import MeasuredPairs
from components.pair_generator.artifacts import PairReport
from components.run_outcome.artifacts import GATE_INPUTS


class ModelCardSpec(ComponentSpec):
    """The artifacts of an evaluated model, by the names of ``run_record.files.SOURCES``, and every gate verdict."""

    INPUTS: ClassVar = {
        "images_report": ChannelParameter(type=IngestReport, optional=True),
        "pairs_report": ChannelParameter(type=PairReport, optional=True),
        "model": ChannelParameter(type=standard_artifacts.Model),
        "evaluation": ChannelParameter(type=standard_artifacts.ModelEvaluation),
        "measures": ChannelParameter(type=MeasuredPairs),
        "baseline": ChannelParameter(type=BaselineFound),
        **GATE_INPUTS,
    }
    OUTPUTS: ClassVar = {"card": ChannelParameter(type=card.ModelCard)}
    PARAMETERS: ClassVar = {
        "config": ExecutionParameter(type=str),
        "config_digest": ExecutionParameter(type=str),
        "run_id": ExecutionParameter(type=str),
    }


class ModelCardWriter(base_component.BaseComponent):
    """Writes the card of a model.

    Args:
      artifacts: of the model, by the names of ``run_record.files.SOURCES``, and the verdicts of the gates.
      config: the configuration as JSON; its ``model_card`` is the user's part.
      config_digest: of it.
      run_id: of the run; part of the cache key, since the card contains it.
    """

    SPEC_CLASS = ModelCardSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(self, artifacts: Mapping[str, BaseChannel], config: str, config_digest: str, run_id: str) -> None:
        super().__init__(
            ModelCardSpec(
                **artifacts,
                config=config,
                config_digest=config_digest,
                run_id=run_id,
                card=Channel(type=card.ModelCard),
            )
        )
