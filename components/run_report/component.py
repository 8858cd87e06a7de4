"""The component RunReport, the last one of a run, whether gates passed or refused the model."""

from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components import artifact_types
from components.component import Component
from components.run_report.executor import Executor


class RunReportSpec(ComponentSpec):
    """The artifacts of a run, by the names of ``run_record.files.SOURCES``.

    Parameters: ``run_id``, a part of the cache key, so that every run gets its page; ``config``, the configuration as
    JSON, and ``config_digest`` of it; ``data_root``, where the images are; ``codes``, JSON: node -> digest of its code.
    """

    INPUTS = {
        "images_report": ChannelParameter(type=artifact_types.IngestReport),
        "statistics": ChannelParameter(type=standard_artifacts.ExampleStatistics),
        "anomalies": ChannelParameter(type=standard_artifacts.ExampleAnomalies),
        "anomaly_verdict": ChannelParameter(type=artifact_types.GateVerdict),
        "pairs_report": ChannelParameter(type=artifact_types.PairReport),
        "pairs": ChannelParameter(type=standard_artifacts.Examples),
        "model": ChannelParameter(type=standard_artifacts.Model),
        "model_run": ChannelParameter(type=standard_artifacts.ModelRun),
        "evaluation": ChannelParameter(type=standard_artifacts.ModelEvaluation),
        "scores": ChannelParameter(type=artifact_types.PairScores),
        "measures": ChannelParameter(type=artifact_types.MeasuredPairs),
        "card": ChannelParameter(type=artifact_types.ModelCard),
        "pushed_model": ChannelParameter(type=standard_artifacts.PushedModel),
        "outcome": ChannelParameter(type=artifact_types.RunOutcome),
        "baseline": ChannelParameter(type=artifact_types.BaselineFound),
    }
    OUTPUTS = {"report": ChannelParameter(type=artifact_types.Report)}
    PARAMETERS = {
        "run_id": ExecutionParameter(type=str),
        "config": ExecutionParameter(type=str),
        "config_digest": ExecutionParameter(type=str),
        "data_root": ExecutionParameter(type=str),
        "codes": ExecutionParameter(type=str),
    }


class RunReport(Component):
    """Writes the report page and the summary of the run."""

    SPEC_CLASS = RunReportSpec
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)
