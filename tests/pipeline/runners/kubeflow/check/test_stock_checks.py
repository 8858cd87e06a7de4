"""Checks of what TFX's own compiler writes, without our passes."""

from pathlib import Path

import yaml
from tfx.components import CsvExampleGen, Evaluator, Pusher, StatisticsGen
from tfx.dsl.component.experimental.annotations import Parameter
from tfx.dsl.components.common.importer import Importer
from tfx.dsl.components.common.resolver import Resolver
from tfx.dsl.experimental.conditionals.conditional import Cond
from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import LatestBlessedModelStrategy
from tfx.orchestration.data_types import RuntimeParameter
from tfx.orchestration.kubeflow.decorators import FinalStatusStr, exit_handler
from tfx.orchestration.kubeflow.v2.kubeflow_v2_dag_runner import KubeflowV2DagRunner, KubeflowV2DagRunnerConfig
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import pusher_pb2
from tfx.types import Channel
from tfx.types.standard_artifacts import Model, ModelBlessing, Schema

from pipeline.runners.kubeflow.check import Finding, file_findings


@exit_handler
def notify(final_status: Parameter[str]):
    print(final_status)


def stock(folder: Path, name: str, handler=None, schema_2_1: bool = True, cache: bool = False) -> list[Finding]:
    """The findings in the file that TFX writes for a pipeline of its own components."""
    images = CsvExampleGen(input_base=RuntimeParameter(name="data_root", ptype=str, default="/data"))
    statistics = StatisticsGen(examples=images.outputs["examples"])
    served = Resolver(
        strategy_class=LatestBlessedModelStrategy, model=Channel(type=Model), model_blessing=Channel(type=ModelBlessing)
    ).with_id("latest_blessed_model")
    schema = Importer(source_uri="gs://bucket/schema", artifact_type=Schema).with_id("schema-importer")
    evaluator = Evaluator(examples=images.outputs["examples"], model=served.outputs["model"])
    with Cond(evaluator.outputs["blessing"].future()[0].custom_property("blessed") == 1):
        destination = pusher_pb2.PushDestination(filesystem=pusher_pb2.PushDestination.Filesystem(base_directory="/s"))
        pusher = Pusher(model=served.outputs["model"], push_destination=destination)
    nodes = [images, statistics] if handler else [images, statistics, served, schema, evaluator, pusher]
    config = KubeflowV2DagRunnerConfig(default_image="tensorflow/tfx:latest", use_pipeline_spec_2_1=schema_2_1)
    runner = KubeflowV2DagRunner(config, output_dir=str(folder), output_filename=name)
    if handler:
        runner.set_exit_handler(handler)
    runner.run(Pipeline("stock", "minio://bucket/root", components=nodes, enable_cache=cache))
    return file_findings(folder / name)


def about(found: list[Finding], where: str) -> str:
    """All messages about one part."""
    return "\n".join(finding.message for finding in found if finding.where == where)


def test_the_yaml_of_the_newer_schema_has_findings(tmp_path):
    found = stock(tmp_path, "p.yaml", cache=True)

    assert "ids of letters, digits and - only" in about(found, "task latest_blessed_model-model-resolver")
    assert "is a Resolver" in about(found, "task latest_blessed_model-model-resolver")
    assert "is a Resolver" in about(found, "task latest_blessed_model-model-blessing-resolver")
    assert "has no defaultValue" in about(found, "parameter data_root")
    ingest = about(found, "executor CsvExampleGen_executor")
    for part in (
        *("TFX's own entrypoint", "lifecycle.preCacheCheck", "requests no CPU", "requests no memory"),
        *("tensorflow/tfx:latest may change", "runs as root", "no volume for temporary files"),
    ):
        assert part in ingest
    assert "TFX's own entrypoint" in about(found, "executor StatisticsGen_executor")
    assert "is cached" in about(found, "task CsvExampleGen")
    assert "is cached" in about(found, "task Pusher")
    assert "is cached" not in about(found, "task StatisticsGen")
    assert "runs under a condition" in about(found, "task Pusher")
    assert "has no pipeline root" in about(found, "the file")
    assert about(found, "task schema-importer") == ""


def test_the_json_of_a_pipeline_job_is_an_error(tmp_path):
    found = stock(tmp_path, "p.json", schema_2_1=False)

    assert "is a PipelineJob, as TFX writes into a .json file" in about(found, "document 1")
    assert "the schema version must be 2.1.0, got 2.0.0" in about(found, "the file")
    assert "no parameterType" in about(found, "parameter data_root")
    assert "constant_value, as of schema 2.0" in about(found, "task StatisticsGen, parameter exclude_splits")
    assert "is a Resolver" in about(found, "task latest_blessed_model-model-resolver")


def test_an_exit_handler_and_a_parameter_do_not_go_together(tmp_path):
    found = stock(tmp_path, "p.yaml", handler=notify(final_status=FinalStatusStr()))

    assert "does not receive data_root: with an exit handler" in about(found, "component tfx-dag")


def test_nodes_behind_an_exit_handler_are_checked(tmp_path):
    found = stock(tmp_path, "p.yaml", handler=notify(final_status=FinalStatusStr()), cache=True)

    assert "is cached" in about(found, "task CsvExampleGen in tfx-dag")
    assert "TFX's own entrypoint" in about(found, "executor StatisticsGen_executor")


def test_a_runtime_parameter_in_a_longer_text_is_found(tmp_path):
    inner = RuntimeParameter(name="day", ptype=str)
    images = CsvExampleGen(input_base=f"/data/{inner}")
    config = KubeflowV2DagRunnerConfig(default_image="a/b:1", use_pipeline_spec_2_1=True)
    KubeflowV2DagRunner(config, output_dir=str(tmp_path), output_filename="p.yaml").run(
        Pipeline("stock", "minio://bucket/root", components=[images])
    )

    assert yaml.safe_load((tmp_path / "p.yaml").read_text())["root"].get("inputDefinitions") is None
    found = file_findings(tmp_path / "p.yaml")
    assert "a RuntimeParameter within a longer text" in about(found, "task CsvExampleGen, parameter input_base")
