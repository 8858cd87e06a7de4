"""The component ModelCard, between the gates and the Pusher, which stores the card with the model."""

from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.artifact_types import BaselineFound, IngestReport, MeasuredPairs, ModelCard, PairReport
from components.component import Component
from components.model_card.executor import Executor
from components.run_outcome.artifacts import GATE_INPUTS


class ModelCardSpec(ComponentSpec):
    """The artifacts of an evaluated model, by the names of ``run_record.files.SOURCES``, and every gate verdict.

    Parameters: ``config``, the configuration as JSON, whose ``model_card`` is the user's part, and ``config_digest``
    of it; ``run_id``, a part of the cache key, since the card contains it.
    """

    INPUTS = {
        "images_report": ChannelParameter(type=IngestReport, optional=True),
        "pairs_report": ChannelParameter(type=PairReport, optional=True),
        "model": ChannelParameter(type=standard_artifacts.Model),
        "evaluation": ChannelParameter(type=standard_artifacts.ModelEvaluation),
        "measures": ChannelParameter(type=MeasuredPairs),
        "baseline": ChannelParameter(type=BaselineFound),
        **GATE_INPUTS,
    }
    OUTPUTS = {"card": ChannelParameter(type=ModelCard)}
    PARAMETERS = {
        "config": ExecutionParameter(type=str),
        "config_digest": ExecutionParameter(type=str),
        "run_id": ExecutionParameter(type=str),
    }


class ModelCardWriter(Component):
    """Writes the card of a model."""

    SPEC_CLASS = ModelCardSpec
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)
