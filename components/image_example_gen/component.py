"""ImageExampleGen, the TFX component."""

from tfx.dsl.components.base.base_beam_component import BaseBeamComponent
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec
from tfx.orchestration.data_types import RuntimeParameter
from tfx.types import standard_artifacts
from tfx.types.channel import Channel
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.image_example_gen.artifacts import IngestReport
from components.image_example_gen.executor import Executor


class ImageExampleGenSpec(ComponentSpec):
    """Inputs, outputs and parameters of ImageExampleGen."""

    PARAMETERS = {
        "data_root": ExecutionParameter(type=str),
        "data_digest": ExecutionParameter(type=str),
        "settings": ExecutionParameter(type=str),
        "image": ExecutionParameter(type=str),
        "protocol": ExecutionParameter(type=str),
        "seed": ExecutionParameter(type=int),
        "code_digest": ExecutionParameter(type=str),
    }
    INPUTS: dict[str, ChannelParameter] = {}
    OUTPUTS = {
        "examples": ChannelParameter(type=standard_artifacts.Examples),
        "report": ChannelParameter(type=IngestReport),
    }


class ImageExampleGen(BaseBeamComponent):
    """Folders of images in, image Examples (``models.data.features``) in the splits train, val and test out.

    Not one of TFX's file-based ExampleGens: their driver, which fingerprints the input, does not run on Kubeflow; here
    the fingerprint is a parameter.
    """

    SPEC_CLASS = ImageExampleGenSpec
    EXECUTOR_SPEC = BeamExecutorSpec(Executor)

    def __init__(
        self,
        data_root: str | RuntimeParameter,
        data_digest: str,
        settings: str,
        image: str,
        seed: int,
        code_digest: str,
        protocol: str = "{}",
    ) -> None:
        """Constructs the component.

        Args:
          data_root: address of the images, for ``sources.open_source``.
          data_digest: the source's fingerprint and that of the lists; only the cache reads it.
          settings: ``IngestSettings`` as JSON.
          image: ``models.settings.ImageSettings`` as JSON.
          seed: of the split.
          code_digest: changes with the code; only the cache reads it.
          protocol: addresses of lists of pairs by split, JSON: the images that a list names go to its split.
        """
        super().__init__(
            spec=ImageExampleGenSpec(
                data_root=data_root,
                data_digest=data_digest,
                settings=settings,
                image=image,
                protocol=protocol,
                seed=seed,
                code_digest=code_digest,
                examples=Channel(type=standard_artifacts.Examples),
                report=Channel(type=IngestReport),
            )
        )
