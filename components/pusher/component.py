"""The stock Pusher with every gate's verdict and an executor of its own."""

from collections.abc import Mapping
from typing import ClassVar

from tfx.components.pusher.component import Pusher
from tfx.dsl.components.base import base_component, executor_spec
from tfx.proto import pusher_pb2
from tfx.types import standard_artifacts, standard_component_specs
from tfx.types.channel import BaseChannel, Channel
from tfx.types.component_spec import ChannelParameter, ExecutionParameter
from tfx.utils import json_utils

from components.baseline.artifacts import BaselineFound
from components.model_card.artifacts import ModelCard
from components.pusher.executor import Executor
from components.run_outcome.artifacts import GATE_INPUTS


class ServingPusherSpec(standard_component_specs.PusherSpec):
    """The stock specification and the inputs for the gates, the baseline and the model card."""

    INPUTS: ClassVar = {
        **standard_component_specs.PusherSpec.INPUTS,
        "baseline": ChannelParameter(type=BaselineFound, optional=True),
        "card": ChannelParameter(type=ModelCard, optional=True),
        **GATE_INPUTS,
    }
    PARAMETERS: ClassVar = {
        **standard_component_specs.PusherSpec.PARAMETERS,
        # A parameter of its own, not part of custom_config: a cluster replaces only entire parameters.
        "run_id": ExecutionParameter(type=str, optional=True),
    }


class ServingPusher(Pusher):
    """Pushes ``model`` to ``serving_dir/<version>`` if every gate that is wired passed it.

    Args:
      model: the candidate.
      serving_dir: the folder that the model server watches, or an address such as ``gs://bucket/serving``.
      gates: of ``artifacts.gate_channels``: the verdicts of all gates.
      model_blessing: as in the stock Pusher.
      infra_blessing: as in the stock Pusher.
      baseline: what the Baseline found: if another version came to serve since, nothing is pushed.
      card: the model card, which is published with the model.
      keep: versions kept, the serving one among them; default: all.
      config_digest: of the run's configuration, for the history.
      run_id: of the run, for the history and for the cache: the serving folder is no input that TFX knows of, and an
        earlier outcome must never count as a push.
    """

    SPEC_CLASS = ServingPusherSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        model: BaseChannel,
        serving_dir: str,
        gates: Mapping[str, BaseChannel] | None = None,
        model_blessing: BaseChannel | None = None,
        infra_blessing: BaseChannel | None = None,
        baseline: BaseChannel | None = None,
        card: BaseChannel | None = None,
        keep: int | None = None,
        config_digest: str = "",
        run_id: str = "",
    ) -> None:
        spec = ServingPusherSpec(
            model=model,
            model_blessing=model_blessing,
            infra_blessing=infra_blessing,
            baseline=baseline,
            **(gates or {}),
            card=card,
            push_destination=pusher_pb2.PushDestination(
                filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=serving_dir)
            ),
            custom_config=json_utils.dumps({"config_digest": config_digest, "keep": keep}),
            run_id=run_id,
            pushed_model=Channel(type=standard_artifacts.PushedModel),
        )
        # Past the stock constructor, which knows only the stock inputs.
        base_component.BaseComponent.__init__(self, spec=spec)
