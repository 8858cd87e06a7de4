import pytest

from models.errors import UserError
from pipeline.runners.kubeflow.compile.compiled_file import read_compiled


def test_what_a_run_can_be_told_is_read_back(pipeline_file):
    file = read_compiled(pipeline_file())
    assert (file.name, file.pipeline_root) == ("faces", "s3://bucket/faces")
    assert file.nodes == ["ImageExampleGen", "NewData", "Outcome", "Trainer"]
    assert file.arguments(["data_root=/data/a=b", "ignore_baseline=3"]) == {
        "data_root": "/data/a=b",
        "ignore_baseline": 3,
    }


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("data_root", "--parameter data_root: must be NAME=VALUE"),
        ("epochs=3", "the pipeline has no such parameter; it has: data_root, ignore_baseline"),
        ("ignore_baseline=three", "must be of the type integer, got 'three'"),
    ],
)
def test_a_wrong_parameter_is_named(pipeline_file, given, why):
    with pytest.raises(UserError, match=why):
        read_compiled(pipeline_file()).arguments([given])


@pytest.mark.parametrize("text", ["", "just text", "{", "pipelineSpec: {}", "- 1", "root: {dag: 3}"])
def test_another_file_is_refused(tmp_path, text):
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(UserError, match="siamese kubeflow compile"):
        read_compiled(tmp_path / "p.yaml")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match="No such file"):
        read_compiled(tmp_path / "none.yaml")
