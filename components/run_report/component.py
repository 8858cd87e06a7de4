"""The component RunReport, the last one of a run, whether gates passed or refused the model."""

from collections.abc import Mapping
from typing import ClassVar

from tfx.dsl.components.base import base_component, executor_spec
from tfx.orchestration.data_types import RuntimeParameter
from tfx.types import standard_artifacts
from tfx.types.channel import BaseChannel, Channel
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.baseline.artifacts import BaselineFound
from components.image_example_gen.artifacts import IngestReport
from components.model_card.artifacts import ModelCard
from components.model_gate.artifacts import MeasuredPairs
from components.pair_generator.artifacts import PairReport
from components.pair_scores.artifacts import PairScores
from components.run_outcome.artifacts import GateVerdict, RunOutcome
from components.run_report.artifacts import Report
from components.run_report.executor import Executor


class RunReportSpec(ComponentSpec):
    """The artifacts of a run, by the names of ``run_record.files.SOURCES``."""

    INPUTS: ClassVar = {
        "images_report": ChannelParameter(type=IngestReport),
        "statistics": ChannelParameter(type=standard_artifacts.ExampleStatistics),
        "anomalies": ChannelParameter(type=standard_artifacts.ExampleAnomalies),
        "anomaly_verdict": ChannelParameter(type=GateVerdict),
        "pairs_report": ChannelParameter(type=PairReport),
        "pairs": ChannelParameter(type=standard_artifacts.Examples),
        "model": ChannelParameter(type=standard_artifacts.Model),
        "model_run": ChannelParameter(type=standard_artifacts.ModelRun),
        "evaluation": ChannelParameter(type=standard_artifacts.ModelEvaluation),
        "scores": ChannelParameter(type=PairScores),
        "measures": ChannelParameter(type=MeasuredPairs),
        "card": ChannelParameter(type=ModelCard),
        "pushed_model": ChannelParameter(type=standard_artifacts.PushedModel),
        "outcome": ChannelParameter(type=RunOutcome),
        "baseline": ChannelParameter(type=BaselineFound),
    }
    OUTPUTS: ClassVar = {"report": ChannelParameter(type=Report)}
    PARAMETERS: ClassVar = {
        "run_id": ExecutionParameter(type=str),
        "config": ExecutionParameter(type=str),
        "config_digest": ExecutionParameter(type=str),
        "data_root": ExecutionParameter(type=str),
        "codes": ExecutionParameter(type=str),
    }


class RunReport(base_component.BaseComponent):
    """Writes the report page and the summary of the run.

    Args:
      artifacts: of the run, by the names of ``run_record.files.SOURCES``.
      run_id: of the run; part of the cache key, so that every run gets its page.
      config: the configuration as JSON.
      config_digest: of it.
      data_root: where the images are.
      codes: node -> digest of its source code, as JSON.
    """

    SPEC_CLASS = RunReportSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        artifacts: Mapping[str, BaseChannel],
        run_id: str,
        config: str,
        config_digest: str,
        data_root: str | RuntimeParameter,
        codes: str,
    ) -> None:
        super().__init__(
            RunReportSpec(
                **artifacts,
                run_id=run_id,
                config=config,
                config_digest=config_digest,
                data_root=data_root,
                codes=codes,
                report=Channel(type=Report),
            )
        )
