"""The component: its inputs, outputs and parameters."""

from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import BaseChannel, channel_utils, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.pair_generator.artifacts import PairReport
from components.pair_generator.executor import Executor
from components.pair_generator.settings import PairSettings
from components.run_outcome.artifacts import GateVerdict


class PairGeneratorSpec(ComponentSpec):
    """Image Examples in, pair Examples and a report out."""

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


class PairGenerator(base_beam_component.BaseBeamComponent):
    """Makes balanced pairs out of each split of the images.

    The ``pairs`` artifact: ``Split-train`` and ``Split-val`` name images (ids, identities, groups, kind, label), whose
    Examples are declared parts of the same artifact (``models.data.pairs_artifact``); ``Split-test`` carries the pixels
    of both sides, and what its pairs are sliced on.
    """

    SPEC_CLASS = PairGeneratorSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self,
        images: BaseChannel,
        settings: PairSettings,
        seed: int,
        code_digest: str,
        gate: BaseChannel | None = None,
        baseline_model: BaseChannel | None = None,
    ) -> None:
        """Builds the component.

        Args:
          images: Examples with splits, one image an Example, uncompressed TFRecords.
          settings: how many pairs, and which.
          seed: of all sampling.
          code_digest: a part of the cache key that changes with the code.
          gate: a verdict that must exist before pairs are made; not read.
          baseline_model: the served model, with which impostors are mined; a channel without artifacts if none serves.
        """
        spec = PairGeneratorSpec(
            images=images,
            gate=gate,
            baseline_model=baseline_model,
            settings=settings.model_dump_json(),
            seed=seed,
            code_digest=code_digest,
            pairs=channel_utils.as_channel([standard_artifacts.Examples()]),
            report=channel_utils.as_channel([PairReport()]),
        )
        super().__init__(spec=spec)
