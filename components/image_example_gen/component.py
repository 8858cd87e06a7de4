"""ImageExampleGen, the TFX component."""

from tfx.dsl.components.base.base_beam_component import BaseBeamComponent
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.artifact_types import IngestReport
from components.component import Component
from components.image_example_gen.executor import Executor


class ImageExampleGenSpec(ComponentSpec):
    """Folders of images in, image Examples and a report out.

    Parameters: ``data_root``, the address of the images for ``sources.address``; ``settings``, ``IngestSettings``;
    ``image``, ``ImageSettings``; ``protocol``, addresses of lists of pairs by split (the images that a list names go
    to its split); ``seed`` of the split. Only the cache reads ``data_digest``, the fingerprint of the source and of
    the lists, and ``code_digest``.
    """

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


class ImageExampleGen(Component, BaseBeamComponent):
    """Folders of images in, image Examples (``models.data.features``) in the splits train, val and test out.

    Not one of TFX's file-based ExampleGens: their driver, which fingerprints the input, does not run on Kubeflow; here
    the fingerprint is a parameter.
    """

    SPEC_CLASS = ImageExampleGenSpec
    EXECUTOR_SPEC = BeamExecutorSpec(Executor)
