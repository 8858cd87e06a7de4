"""The NewData component."""

from typing import ClassVar

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.channel import BaseChannel, Channel
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.baseline.artifacts import BaselineFound
from components.new_data.executor import Executor
from components.run_outcome.artifacts import GateVerdict


class NewDataSpec(ComponentSpec):
    """Input: the images of this run and the model that serves. Output: a verdict, and whether to go on."""

    INPUTS: ClassVar = {
        "images": ChannelParameter(type=standard_artifacts.Examples),
        "baseline_model": ChannelParameter(type=standard_artifacts.Model, optional=True),
        "baseline": ChannelParameter(type=BaselineFound),
    }
    OUTPUTS: ClassVar = {
        "verdict": ChannelParameter(type=GateVerdict),
        "enough": ChannelParameter(type=standard_artifacts.Boolean),
    }
    PARAMETERS: ClassVar = {
        "minimum": ExecutionParameter(type=int),
        "ends_run": ExecutionParameter(type=int),
        "code_digest": ExecutionParameter(type=str),
    }


class NewData(base_component.BaseComponent):
    """Ends the run, or lets the runner do so, if too few images are new to the model that serves.

    Expensive nodes run after it: ``add_upstream_node(new_data)``.
    """

    SPEC_CLASS = NewDataSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        images: BaseChannel,
        baseline_model: BaseChannel,
        baseline: BaseChannel,
        minimum: int,
        ends_run: bool,
        code_digest: str,
    ) -> None:
        """Builds the component.

        Args:
          images: Examples with the splits train and val, one image an Example.
          baseline_model: the model that serves; empty if none does.
          baseline: what the Baseline component found.
          minimum: of new images.
          ends_run: whether too few raise ``NotEnoughNewData``; a runner with conditions reads ``enough`` instead.
          code_digest: changes when the code does.
        """
        super().__init__(
            NewDataSpec(
                images=images,
                baseline_model=baseline_model,
                baseline=baseline,
                minimum=minimum,
                ends_run=int(ends_run),
                code_digest=code_digest,
                verdict=Channel(type=GateVerdict),
                enough=Channel(type=standard_artifacts.Boolean),
            )
        )
