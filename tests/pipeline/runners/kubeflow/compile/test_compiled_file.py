import pytest

from models.errors import UserError
from pipeline.runners.kubeflow.compile.compiled_file import read_compiled


def test_name_root_nodes_and_parameters_are_read(pipeline_file):
    file = read_compiled(pipeline_file())
    assert (file.name, file.pipeline_root) == ("faces", "s3://bucket/faces")
    assert file.nodes == ["ImageExampleGen", "NewData", "Outcome", "Trainer"]
    assert file.arguments(["data_root=/data/a=b", "ignore_baseline=3"]) == {
        "data_root": "/data/a=b",
        "ignore_baseline": 3,
    }


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("data_root", "NAME=VALUE"),
        ("epochs=3", "data_root, ignore_baseline"),
        ("ignore_baseline=three", "integer, got 'three'"),
        ("ignore_baseline=99999999999999999999", "integer, got"),
        (f"ignore_baseline={'9' * 5000}", "integer, got"),
    ],
)
def test_a_wrong_parameter_is_named(pipeline_file, text, fact):
    with pytest.raises(UserError, match=fact) as error:
        read_compiled(pipeline_file()).arguments([text])
    assert error.value.code == "kubeflow-parameter"


@pytest.mark.parametrize(
    "text",
    ["", "just text", "{", "pipelineSpec: {}", "- 1", "root: {dag: 3}", "a: 1\na: 2", "[" * 3000, "a: 2001-99-99"],
)
def test_another_file_is_refused(tmp_path, text):
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(UserError) as error:
        read_compiled(tmp_path / "p.yaml")
    assert error.value.code == "kubeflow-file-not-a-pipeline"


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError) as error:
        read_compiled(tmp_path / "none.yaml")
    assert error.value.code == "kubeflow-file-unreadable"
