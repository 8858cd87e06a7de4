"""The served model reaches an optional input; without one the input is empty, also from the cache."""

import json
from pathlib import Path
from typing import ClassVar

import pytest
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.orchestration import metadata
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.pipeline import Pipeline
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter
from tfx.utils import path_utils
from tiny_model import GREY

from components.artifact_types import BaselineFound
from components.baseline.component import Baseline
from components.baseline.report import BaselineReport
from components.serving_folder import serving_folder
from components.serving_folder.push import push


class CompareExecutor(base_executor.BaseExecutor):
    """Records its inputs."""

    def Do(self, input_dict, output_dict, exec_properties):  # noqa: N802
        [found] = input_dict["baseline"]
        seen = {
            "status": BaselineReport.read(found.uri).status,
            "property": found.get_string_custom_property("status"),
            "models": [
                {
                    "graph": (Path(path_utils.serving_model_path(model.uri)) / "saved_model.pb").is_file(),
                    "version": model.get_int_custom_property("version"),
                }
                for model in input_dict["baseline_model"]
            ],
        }
        Path(exec_properties["note"]).write_text(json.dumps(seen))


class CompareSpec(ComponentSpec):
    INPUTS: ClassVar = {
        "baseline_model": ChannelParameter(type=standard_artifacts.Model, optional=True),
        "baseline": ChannelParameter(type=BaselineFound, optional=True),
    }
    OUTPUTS: ClassVar = {}
    PARAMETERS: ClassVar = {"note": ExecutionParameter(type=str)}


class Compare(base_component.BaseComponent):
    """A stand-in for the Evaluator, with an optional baseline."""

    SPEC_CLASS = CompareSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(CompareExecutor)


@pytest.fixture
def run(tmp_path):
    """Runs Baseline and Compare, and returns what Compare saw."""

    def run(note: str, ignore_version: int | None = None) -> dict:
        serving = tmp_path / "serving"
        baseline = Baseline(
            serving_dir=str(serving),
            served=serving_folder.served_key(serving),
            image=GREY,
            code_digest="c",
            ignore_version=ignore_version,
        )
        compare = Compare(
            CompareSpec(
                baseline_model=baseline.outputs["model"],
                baseline=baseline.outputs["found"],
                note=str(tmp_path / note),
            )
        )
        LocalDagRunner().run(
            Pipeline(
                pipeline_name="baseline",
                pipeline_root=str(tmp_path / "artifacts"),
                components=[baseline, compare],
                enable_cache=True,
                metadata_connection_config=metadata.sqlite_metadata_connection_config(str(tmp_path / "m.sqlite")),
            )
        )
        return json.loads((tmp_path / note).read_text())

    return run


def test_the_served_model_reaches_an_optional_input(tmp_path, run, exported):
    nothing = {"status": "none", "property": "none", "models": []}
    assert run("first") == nothing
    assert run("from the cache") == nothing

    pushed = push(exported.path, tmp_path / "serving")
    served = {"status": "served", "property": "served", "models": [{"graph": True, "version": pushed.version}]}
    assert run("served") == served
    assert run("served, from the cache") == served
    assert run("ignored", pushed.version) == {"status": "ignored", "property": "ignored", "models": []}
    executions = list((tmp_path / "artifacts" / "Baseline" / "model").iterdir())
    assert len(executions) == 3, "with no model, with it, ignoring it; the others came from the cache"
