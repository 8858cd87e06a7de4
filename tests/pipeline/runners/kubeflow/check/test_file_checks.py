import pytest
import yaml
from good_pipeline import good
from planting import container, found_after

from models.errors import UserError
from pipeline.runners.kubeflow.check import file_findings, findings, go_yaml
from pipeline.runners.kubeflow.check.findings import Finding, lines, warning


def test_a_good_pipeline_has_none():
    assert findings(good()) == []
    assert findings(good()[::-1]) == []  # the server takes the documents in any order


@pytest.mark.parametrize(
    ("plant", "where", "message"),
    [
        (
            lambda s, _: s.update(schemaVersion="2.0.0"),
            "the file",
            "the schema version must be 2.1.0, got 2.0.0; build",
        ),
        (lambda s, _: s.pop("schemaVersion"), "the file", "got none"),
        (lambda s, _: s.update(pipelineInfo={"name": "My_Faces"}), "the file", "the pipeline's name My_Faces becomes"),
        (lambda s, _: s.update(pipelineInfo={}), "the file", "pipelineInfo.name is empty"),
        (lambda s, _: s.update(defaultPipelineRoot="/tmp/x"), "the file", "the pipeline root /tmp/x must be gs://"),
        (lambda s, _: s.update(labels={}), "the file", "has no field labels, and the server refuses"),
        (
            lambda s, _: s["root"]["dag"]["tasks"]["Trainer"].update(retry={}),
            "root.dag.tasks.Trainer",
            "has no field retry",
        ),
        (
            lambda s, _: container(s)["resources"].update(memoryLimits=4),
            "executor Trainer_executor.container.resources",
            "has no field memoryLimits, and the backend drops it",
        ),
        (
            lambda s, _: container(s).update(tolerations=[]),
            "executor Trainer_executor.container",
            "drops it; it belongs in the second document, platforms.kubernetes.deploymentSpec.executors",
        ),
        (lambda s, _: s.update(schemaVersion=[1]), "the file", "is refused at upload: Failed to parse schemaVersion"),
        (lambda s, _: s.update(deploymentSpec=1), "the file", "is refused at upload: "),
    ],
)
def test_what_the_server_refuses(plant, where, message):
    found = found_after(plant)

    assert [finding.severity for finding in found] == ["error"]
    assert found[0].where == where
    assert message in found[0].message


def test_a_pipeline_job_is_not_taken_and_looked_into_all_the_same():
    spec, platform = good()
    spec["schemaVersion"] = "2.0.0"

    job, version = findings([{"displayName": "faces", "pipelineSpec": spec}, platform])
    assert "is a PipelineJob, as TFX writes into a .json file" in job.message
    assert "must be 2.1.0" in version.message


def test_no_pipeline_root_is_a_warning_that_giving_one_ends():
    spec, platform = good()
    del spec["defaultPipelineRoot"]

    (found,) = findings([spec, platform])
    assert (found.severity, found.where) == ("warning", "the file")
    assert "has no pipeline root" in found.message
    assert findings([spec, platform], "gs://bucket") == []


@pytest.mark.parametrize(
    ("documents", "message"),
    [
        ([], "has no pipeline specification"),
        ([[]], "must be a mapping, got list"),
        ([*good(), {"kind": "ConfigMap"}], "is ignored: neither a pipeline nor platforms.kubernetes, it has kind"),
        ([*good(), good()[0]], "is a second pipeline specification"),
        ([*good(), good()[1]], "is a second platform document"),
        ([good()[0], {"platforms": {"k8s": {}}}], "has no kubernetes: the server ignores it"),
        (
            [good()[0], {"platforms": {"kubernetes": {}}, "version": 1}],
            "it has no field version, so the server ignores",
        ),
    ],
)
def test_documents_too_many_and_too_few(documents, message):
    assert any(message in finding.message for finding in findings(documents) if finding.severity == "error")


def test_lines_name_the_parts_of_one_sentence_together():
    several = [warning(f"executor {n}", "is old") for n in range(6)]

    assert lines([*several, Finding("task a", "waits")]) == [
        "warning: executor 0, executor 1, executor 2, executor 3 and 2 more: is old",
        "error: task a: waits",
    ]


@pytest.mark.parametrize("number", [".nan", "-.inf"])
def test_a_number_that_json_does_not_have_is_refused(tmp_path, number):
    text = go_yaml.dump_all(good())
    assert text.count("constant: 3\n") == 1
    (tmp_path / "p.yaml").write_text(text.replace("constant: 3\n", f"constant: {number}\n"))

    (found,) = file_findings(tmp_path / "p.yaml")
    assert (found.severity, found.where) == ("error", "the file")
    assert "has no .nan, no .inf" in found.message


def test_an_empty_deployment_is_one_without_executors():
    found = found_after(lambda spec, _: spec.update(deploymentSpec=None))

    assert "its executor Trainer_executor is not in the deploymentSpec" in [
        finding.message for finding in found if finding.where == "task Trainer"
    ]


def test_a_file_is_read_as_the_backend_reads_it(tmp_path):
    spec, platform = good()
    spec["sdkVersion"] = "12e45"
    file = tmp_path / "p.yaml"
    file.write_text(go_yaml.dump_all([spec, platform]))
    assert file_findings(file) == []

    file.write_text(yaml.safe_dump_all([spec, platform]))
    (found,) = file_findings(file)
    assert found.where == "the file"
    assert "the backend reads 12e45 as a number" in found.message


@pytest.mark.parametrize("content", [b"a: [", b"\xff\xfe", b"a: !!python/object:os.x {}", b"2020-99-99: 1"])
def test_a_file_that_is_not_yaml_is_one_line_of_error(tmp_path, content):
    (tmp_path / "p.yaml").write_bytes(content)

    with pytest.raises(UserError, match=r"p\.yaml: is not YAML: ") as raised:
        file_findings(tmp_path / "p.yaml")
    assert "\n" not in str(raised.value)
