"""The Baseline component."""

from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.artifact_types import BaselineFound
from components.baseline.executor import Executor
from components.component import Component


class BaselineSpec(ComponentSpec):
    """The serving folder in; the model that serves, and what was found, out.

    Parameters: ``serving_dir``, which the model server watches; ``served``, of ``serving_folder.served_key`` when the
    pipeline is built, a part of the cache key, as is ``code_digest``; ``image``, the ``ImageSettings`` of the test
    pairs; ``ignore_version``, a served version that is not compared with (-1: none).
    """

    INPUTS: dict[str, ChannelParameter] = {}
    OUTPUTS = {
        "model": ChannelParameter(type=standard_artifacts.Model),
        "found": ChannelParameter(type=BaselineFound),
    }
    PARAMETERS = {
        "serving_dir": ExecutionParameter(type=str),
        "served": ExecutionParameter(type=str),
        "image": ExecutionParameter(type=str),
        "ignore_version": ExecutionParameter(type=int, optional=True),
        "code_digest": ExecutionParameter(type=str),
    }


class Baseline(Component):
    """Emits the model that serves as ``model``, or no artifact if none serves; ``found`` reports which.

    An optional input that takes ``model`` is then an empty list, as if it were not wired. A served model that cannot
    score the pairs of this pipeline is a ``UserError``, with the ways to continue.
    """

    SPEC_CLASS = BaselineSpec
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)
