"""The Evaluator component: the stock one with an output for its verdict."""

from collections.abc import Sequence
from typing import Any

from tfx.components import Evaluator as StockEvaluator
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec
from tfx.types.component_spec import ChannelParameter
from tfx.types.standard_component_specs import EvaluatorSpec as StockSpec
from tfx.utils import json_utils

from components.artifact_types import GateVerdict
from components.component import Component
from components.evaluator.executor import Executor


class EvaluatorSpec(StockSpec):
    """The stock specification with the output ``verdict``."""

    OUTPUTS = {**StockSpec.OUTPUTS, "verdict": ChannelParameter(type=GateVerdict)}


class Evaluator(Component, StockEvaluator):
    """Evaluates the candidate with TFMA; its gate "floors" refuses a model below a floor or above a ceiling.

    Args:
      example_splits: that are evaluated.
      **values: the channels ``examples`` (pairs), ``model`` and ``baseline_model``; the proto ``eval_config`` with
        metrics and thresholds.
    """

    SPEC_CLASS = EvaluatorSpec
    EXECUTOR_SPEC = BeamExecutorSpec(Executor)

    def __init__(self, *, example_splits: Sequence[str], **values: Any) -> None:
        splits, no_thresholds = json_utils.dumps(list(example_splits)), json_utils.dumps(None)
        super().__init__(example_splits=splits, fairness_indicator_thresholds=no_thresholds, **values)
