"""The stock Pusher with a blessing more and an executor of our own."""

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
from components.run_outcome.gate_verdict import GateVerdict


class ServingPusherSpec(standard_component_specs.PusherSpec):
    """The stock specification and more inputs, each of its own since Kubeflow takes no union of channels."""

    INPUTS: ClassVar = {
        **standard_component_specs.PusherSpec.INPUTS,
        "gate_blessing": ChannelParameter(type=standard_artifacts.ModelBlessing, optional=True),
        "baseline": ChannelParameter(type=BaselineFound, optional=True),
        "gate_verdict": ChannelParameter(type=GateVerdict, optional=True),
        "card": ChannelParameter(type=ModelCard, optional=True),
        "infra_verdict": ChannelParameter(type=GateVerdict, optional=True),
    }
    PARAMETERS: ClassVar = {
        **standard_component_specs.PusherSpec.PARAMETERS,
        # By itself, not within custom_config: a cluster fills in only what is a whole parameter.
        "run_id": ExecutionParameter(type=str, optional=True),
    }


class ServingPusher(Pusher):
    """Pushes ``model`` to ``serving_dir/<version>`` when every blessing that is wired is given.

    Args:
      model: the candidate.
      serving_dir: the folder that the model server watches, or an address such as ``gs://bucket/serving``.
      model_blessing: the Evaluator's.
      gate_blessing: the ModelGate's.
      infra_blessing: the ServingValidator's.
      baseline: what the Baseline found: where another version came to serve since, nothing is pushed.
      gate_verdict: of the ModelGate, for the reason in the history.
      infra_verdict: of the ServingValidator, likewise.
      card: the model card, which is published with the model.
      keep: versions kept, the serving one among them; default: all.
      config_digest: of the run's configuration, for the history.
      run_id: of the run, for the history and for the cache: the serving folder is no input that TFX knows of, and an
        old verdict must never be taken for a push.
    """

    SPEC_CLASS = ServingPusherSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        model: BaseChannel,
        serving_dir: str,
        model_blessing: BaseChannel | None = None,
        gate_blessing: BaseChannel | None = None,
        infra_blessing: BaseChannel | None = None,
        baseline: BaseChannel | None = None,
        gate_verdict: BaseChannel | None = None,
        infra_verdict: BaseChannel | None = None,
        card: BaseChannel | None = None,
        keep: int | None = None,
        config_digest: str = "",
        run_id: str = "",
    ) -> None:
        spec = ServingPusherSpec(
            model=model,
            model_blessing=model_blessing,
            gate_blessing=gate_blessing,
            infra_blessing=infra_blessing,
            baseline=baseline,
            gate_verdict=gate_verdict,
            infra_verdict=infra_verdict,
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
