"""The Baseline component."""

from typing import ClassVar

from tfx.dsl.components.base import base_component, executor_spec
from tfx.orchestration.data_types import RuntimeParameter
from tfx.types import standard_artifacts
from tfx.types.channel import Channel
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.baseline.artifacts import BaselineFound
from components.baseline.executor import Executor
from models.settings import ImageSettings


class BaselineSpec(ComponentSpec):
    """No input; the serving folder, and ``served`` as a cache key of its content."""

    INPUTS: ClassVar[dict[str, ChannelParameter]] = {}
    OUTPUTS: ClassVar = {
        "model": ChannelParameter(type=standard_artifacts.Model),
        "found": ChannelParameter(type=BaselineFound),
    }
    PARAMETERS: ClassVar = {
        "serving_dir": ExecutionParameter(type=str),
        "served": ExecutionParameter(type=str),
        "image": ExecutionParameter(type=str),
        "ignore_version": ExecutionParameter(type=int),
        "code_digest": ExecutionParameter(type=str),
    }


class Baseline(base_component.BaseComponent):
    """Emits the model that serves as ``model``, or no artifact if none serves; ``found`` reports which.

    An optional input that takes ``model`` is then an empty list, as if it were not wired. A served model that cannot
    score the pairs of this pipeline is a ``UserError``, with the ways to continue.
    """

    SPEC_CLASS = BaselineSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        serving_dir: str,
        served: str,
        image: ImageSettings,
        code_digest: str,
        ignore_version: int | RuntimeParameter | None = None,
    ) -> None:
        """Builds the component.

        Args:
          serving_dir: the folder that the model server watches.
          served: ``serving_folder.served_key(serving_dir)`` when the pipeline is built.
          image: the size of the pixels in the test pairs.
          code_digest: of the code; part of the cache key.
          ignore_version: a served version that is not compared with.
        """
        super().__init__(
            BaselineSpec(
                serving_dir=serving_dir,
                served=served,
                image=image.model_dump_json(),
                ignore_version=-1 if ignore_version is None else ignore_version,
                code_digest=code_digest,
                model=Channel(type=standard_artifacts.Model),
                found=Channel(type=BaselineFound),
            )
        )
