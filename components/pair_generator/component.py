"""The component: its inputs, outputs and parameters."""

from tfx.dsl.components.base.base_beam_component import BaseBeamComponent
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.artifact_types import GateVerdict, PairReport
from components.component import Component
from components.pair_generator.executor import Executor


class PairGeneratorSpec(ComponentSpec):
    """Image Examples (uncompressed TFRecords) in, pair Examples and a report out.

    ``gate`` must exist before pairs are made and is not read. With ``baseline_model``, the served model, impostors are
    mined. Parameters: ``settings``, ``PairSettings``; ``seed`` of all sampling; ``code_digest``, a part of the cache
    key.
    """

    INPUTS = {
        "images": ChannelParameter(type=standard_artifacts.Examples),
        "gate": ChannelParameter(type=GateVerdict, optional=True),
        "baseline_model": ChannelParameter(type=standard_artifacts.Model, optional=True),
    }
    OUTPUTS = {
        "pairs": ChannelParameter(type=standard_artifacts.Examples),
        "report": ChannelParameter(type=PairReport),
    }
    PARAMETERS = {
        "settings": ExecutionParameter(type=str),
        "seed": ExecutionParameter(type=int),
        "code_digest": ExecutionParameter(type=str),
    }


class PairGenerator(Component, BaseBeamComponent):
    """Makes balanced pairs out of each split of the images.

    The ``pairs`` artifact: ``Split-train`` and ``Split-val`` name images (ids, identities, groups, kind, label), whose
    Examples are declared parts of the same artifact (``models.data.pairs_artifact``); ``Split-test`` carries the pixels
    of both sides, and what its pairs are sliced on.
    """

    SPEC_CLASS = PairGeneratorSpec
    EXECUTOR_SPEC = BeamExecutorSpec(Executor)
