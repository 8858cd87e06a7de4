"""The stock Pusher with every gate's verdict and an executor of its own."""

from typing import Any

from tfx.components.pusher.component import Pusher
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.proto.pusher_pb2 import PushDestination
from tfx.types.component_spec import ChannelParameter, ExecutionParameter
from tfx.types.standard_component_specs import PusherSpec
from tfx.utils import json_utils

from components.artifact_types import BaselineFound, ModelCard
from components.component import Component
from components.pusher.executor import Executor
from components.run_outcome.artifacts import GATE_INPUTS


class ServingPusherSpec(PusherSpec):
    """The stock specification and the inputs for the gates, the baseline and the model card.

    If another version came to serve since ``baseline`` was found, nothing is pushed; ``card`` is published with the
    model. ``run_id`` is for the history, and for the cache: the serving folder is no input that TFX knows of, and an
    earlier outcome must never count as a push.
    """

    INPUTS = {
        **PusherSpec.INPUTS,
        "baseline": ChannelParameter(type=BaselineFound, optional=True),
        "card": ChannelParameter(type=ModelCard, optional=True),
        **GATE_INPUTS,
    }
    PARAMETERS = {
        **PusherSpec.PARAMETERS,
        # A parameter of its own, not part of custom_config: a cluster replaces only entire parameters.
        "run_id": ExecutionParameter(type=str, optional=True),
    }


class ServingPusher(Component, Pusher):
    """Pushes ``model`` to ``serving_dir/<version>`` if every gate that is wired passed it.

    Args:
      serving_dir: the folder that the model server watches, or an address such as ``gs://bucket/serving``.
      keep: versions kept, the serving one among them; default: all.
      config_digest: of the run's configuration, for the history.
      **values: ``run_id`` and the inputs of the specification.
    """

    SPEC_CLASS = ServingPusherSpec
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)

    def __init__(self, *, serving_dir: str, keep: int | None = None, config_digest: str = "", **values: Any) -> None:
        super().__init__(
            push_destination=PushDestination(filesystem=PushDestination.Filesystem(base_directory=serving_dir)),
            custom_config=json_utils.dumps({"config_digest": config_digest, "keep": keep}),
            **values,
        )
