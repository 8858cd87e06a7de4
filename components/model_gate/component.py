"""The ModelGate component."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.channel import BaseChannel, Channel
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.baseline.artifacts import BaselineFound
from components.model_gate.artifacts import MeasuredPairs
from components.model_gate.executor import Executor
from components.model_gate.settings import GateSettings, MeasureSettings
from components.pair_scores.artifacts import PairScores
from components.run_outcome.artifacts import GateVerdict


class ModelGateSpec(ComponentSpec):
    """Input: scored pairs, and the models for their serving cost. Output: blessing, verdict and intervals."""

    INPUTS: ClassVar = {
        "scores": ChannelParameter(type=PairScores),
        "model": ChannelParameter(type=standard_artifacts.Model),
        "baseline_model": ChannelParameter(type=standard_artifacts.Model, optional=True),
        "baseline": ChannelParameter(type=BaselineFound, optional=True),
    }
    OUTPUTS: ClassVar = {
        "blessing": ChannelParameter(type=standard_artifacts.ModelBlessing),
        "verdict": ChannelParameter(type=GateVerdict),
        "measures": ChannelParameter(type=MeasuredPairs),
    }
    PARAMETERS: ClassVar = {
        "gates": ExecutionParameter(type=str),
        "measures_settings": ExecutionParameter(type=str),
        "split": ExecutionParameter(type=str),
        "seed": ExecutionParameter(type=int),
        "code_digest": ExecutionParameter(type=str),
    }


class ModelGate(base_component.BaseComponent):
    """Blesses a candidate that passes the sanity gates and its thresholds, and is not worse than the served model.

    A refusal is a verdict, not a failure: the run goes on, and the Pusher pushes nothing.
    """

    SPEC_CLASS = ModelGateSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        scores: BaseChannel,
        model: BaseChannel,
        gates: GateSettings,
        measures: MeasureSettings,
        split: Mapping[str, Any],
        seed: int,
        code_digest: str,
        baseline_model: BaseChannel | None = None,
        baseline: BaseChannel | None = None,
    ) -> None:
        """Builds the component.

        Args:
          scores: of the PairScores component.
          model: the candidate.
          gates: thresholds.
          measures: metrics.
          split: the rule and seed that made the test split; ``by: image`` draws images in the bootstrap, all else
            identities.
          seed: of the bootstrap.
          code_digest: changes when the code does.
          baseline_model: the model that serves, if there is one.
          baseline: what the Baseline component found.
        """
        super().__init__(
            ModelGateSpec(
                scores=scores,
                model=model,
                baseline_model=baseline_model,
                baseline=baseline,
                gates=gates.model_dump_json(),
                measures_settings=measures.model_dump_json(),
                split=json.dumps(split, sort_keys=True),
                seed=seed,
                code_digest=code_digest,
                blessing=Channel(type=standard_artifacts.ModelBlessing),
                verdict=Channel(type=GateVerdict),
                measures=Channel(type=MeasuredPairs),
            )
        )
