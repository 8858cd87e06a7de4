"""The Baseline component."""

from typing import ClassVar

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.channel import Channel
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.baseline.executor import Executor


class BaselineSpec(ComponentSpec):
    """Where to look, and what is there: the second is the cache key of the first."""

    INPUTS: ClassVar[dict[str, ChannelParameter]] = {}
    OUTPUTS: ClassVar = {"model": ChannelParameter(type=standard_artifacts.Model)}
    PARAMETERS: ClassVar = {
        "serving_dir": ExecutionParameter(type=str),
        "served_digest": ExecutionParameter(type=str),
        "code_digest": ExecutionParameter(type=str),
    }


class Baseline(base_component.BaseComponent):
    """Emits the model that serves as ``model``, or no artifact at all where nothing does.

    An optional input that takes ``model`` is then an empty list, as if it had not been wired.
    """

    SPEC_CLASS = BaselineSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(self, serving_dir: str, served_digest: str, code_digest: str) -> None:
        """``served_digest`` is ``serving_folder.served_digest(serving_dir)``, taken when the pipeline is built."""
        super().__init__(
            BaselineSpec(
                serving_dir=serving_dir,
                served_digest=served_digest,
                code_digest=code_digest,
                model=Channel(type=standard_artifacts.Model),
            )
        )
