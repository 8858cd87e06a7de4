"""The Evaluator component: the stock one with an output for its verdict."""

from collections.abc import Sequence
from typing import ClassVar

from tensorflow_model_analysis.proto import config_pb2
from tfx.components import Evaluator as StockEvaluator
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts, standard_component_specs
from tfx.types.channel import BaseChannel, Channel
from tfx.types.component_spec import ChannelParameter
from tfx.utils import json_utils

from components.evaluator.executor import Executor
from components.run_outcome.artifacts import GateVerdict


class EvaluatorSpec(standard_component_specs.EvaluatorSpec):
    """The stock specification with the output ``verdict``."""

    OUTPUTS: ClassVar = {
        **standard_component_specs.EvaluatorSpec.OUTPUTS,
        "verdict": ChannelParameter(type=GateVerdict),
    }


class Evaluator(StockEvaluator):
    """Evaluates the candidate with TFMA; its gate "floors" refuses a model below a floor or above a ceiling.

    Args:
      examples: pairs.
      model: the candidate.
      baseline_model: the model that serves, if there is one.
      example_splits: that are evaluated.
      eval_config: metrics and thresholds.
    """

    SPEC_CLASS = EvaluatorSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self,
        examples: BaseChannel,
        model: BaseChannel,
        baseline_model: BaseChannel,
        example_splits: Sequence[str],
        eval_config: config_pb2.EvalConfig,
    ) -> None:
        spec = EvaluatorSpec(
            examples=examples,
            model=model,
            baseline_model=baseline_model,
            eval_config=eval_config,
            example_splits=json_utils.dumps(list(example_splits)),
            fairness_indicator_thresholds=json_utils.dumps(None),
            evaluation=Channel(type=standard_artifacts.ModelEvaluation),
            blessing=Channel(type=standard_artifacts.ModelBlessing),
            verdict=Channel(type=GateVerdict),
        )
        # Past the stock constructor, which knows only the stock outputs.
        base_component.BaseComponent.__init__(self, spec=spec)
