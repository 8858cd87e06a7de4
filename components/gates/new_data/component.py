"""The NewData component."""

from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.artifact_types import BaselineFound, GateVerdict
from components.component import Component
from components.gates.new_data.executor import Executor


class NewDataSpec(ComponentSpec):
    """The images of this run (the splits train and val) and the model that serves in; a verdict, and whether to go on.

    Parameters: ``minimum`` of new images; ``ends_run``, whether too few raise ``NotEnoughNewData`` (a runner with
    conditions reads ``enough`` instead); ``code_digest``, a part of the cache key.
    """

    INPUTS = {
        "images": ChannelParameter(type=standard_artifacts.Examples),
        "baseline_model": ChannelParameter(type=standard_artifacts.Model, optional=True),
        "baseline": ChannelParameter(type=BaselineFound),
    }
    OUTPUTS = {
        "verdict": ChannelParameter(type=GateVerdict),
        "enough": ChannelParameter(type=standard_artifacts.Boolean),
    }
    PARAMETERS = {
        "minimum": ExecutionParameter(type=int),
        "ends_run": ExecutionParameter(type=int),
        "code_digest": ExecutionParameter(type=str),
    }


class NewData(Component):
    """Ends the run, or lets the runner do so, if too few images are new to the model that serves.

    Expensive nodes run after it: ``add_upstream_node(new_data)``.
    """

    SPEC_CLASS = NewDataSpec
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)
