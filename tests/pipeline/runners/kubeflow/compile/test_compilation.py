import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from models.errors import UserError
from pipeline.config import Config, load_config
from pipeline.runners.kubeflow.compile import compilation
from pipeline.runners.kubeflow.compile.compilation import RUN_ID, CompiledPipeline, compile_pipeline

IMAGE = "registry.example/siamese@sha256:" + 64 * "0"
ROOT = "s3://bucket/siamese"


def config(*overrides: str) -> Config:
    mounted = ["kubeflow.volumes=[{claim: images, path: /data}, {claim: serving, path: /serving}]"]
    folders = ["push.serving_dir=/serving/faces", "data.source=/data/faces"]
    return load_config(overrides=[*mounted, *folders, *overrides])


@pytest.fixture(scope="module")
def compiled() -> CompiledPipeline:
    return compile_pipeline(config(), IMAGE, ROOT)


def containers(compiled: CompiledPipeline) -> dict[str, dict]:
    return {label: one["container"] for label, one in compiled.spec["deploymentSpec"]["executors"].items()}


def test_the_graph_is_the_local_one(compiled):
    from pipeline.environment.run_environment import RunEnvironment
    from pipeline.graph import create_pipeline

    environment = RunEnvironment("/data", "digest", "/serving", "none", "/artifacts", "run", refusal_fails=True)
    local = {
        node.id: {up.id for up in node.upstream_nodes} for node in create_pipeline(config(), environment).components
    }

    tasks = compiled.spec["root"]["dag"]["tasks"]
    assert {name: set(task.get("dependentTasks", [])) for name, task in tasks.items()} == local


def test_too_few_new_images_skip_everything_from_the_pairs_on():
    compiled = compile_pipeline(config("data.min_new_images=5"), IMAGE, ROOT)
    tasks = compiled.spec["root"]["dag"]["tasks"]

    conditional = {name for name, task in tasks.items() if "triggerPolicy" in task}
    assert conditional == {name for name, task in tasks.items() if "NewData" in task.get("dependentTasks", ())}
    skipped = set(conditional)
    while more := {name for name in tasks.keys() - skipped if skipped & set(tasks[name].get("dependentTasks", ()))}:
        skipped |= more
    before = {"ImageExampleGen", "SchemaSource", "StatisticsGen", "ExampleValidator", "AnomalyGate", "Baseline"}
    assert tasks.keys() - skipped == before | {"NewData"}
    parameters = tasks["NewData"]["inputs"]["parameters"]
    assert parameters["ends_run"]["runtimeValue"] == {"constant": 0}
    assert compiled.findings() == []


def test_a_tuner_has_the_trainers_pod_and_checkpoints():
    overrides = ["kubeflow.checkpoints=/serving/.checkpoints", "kubeflow.resources={Trainer: {gpus: 2, memory: 9Gi}}"]
    compiled = compile_pipeline(config("tuner.trials=3", *overrides), IMAGE, ROOT)
    tasks = compiled.spec["root"]["dag"]["tasks"]

    best = tasks["Trainer"]["inputs"]["artifacts"]["hyperparameters"]["taskOutputArtifact"]
    assert best["producerTask"] == "Tuner"
    executors = compiled.spec["deploymentSpec"]["executors"]
    tuner, trainer = (executors[f"{name}_executor"]["container"]["resources"] for name in ("Tuner", "Trainer"))
    assert tuner == trainer
    assert tuner["accelerator"] == {"type": "nvidia.com/gpu", "count": "2"}
    assert compiled.findings() == []
    elsewhere = (
        "kubeflow.volumes=[{claim: a, path: /data}, {claim: b, path: /serving, nodes: [Baseline, Pusher, Trainer]}]"
    )
    with pytest.raises(UserError, match="no volume that Tuner mounts") as error:
        compile_pipeline(config("tuner.trials=3", *overrides, elsewhere), IMAGE, ROOT)
    assert error.value.code == "kubeflow-folder-not-mounted"


def test_it_is_what_the_backend_parses(compiled, tmp_path):
    compiled.write(tmp_path / "new" / "p.yaml")
    spec, platform = yaml.safe_load_all((tmp_path / "new" / "p.yaml").read_text())

    assert (spec, platform) == (compiled.spec, compiled.platform)
    parsed = json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())  # an unknown field is an error
    deployment = json_format.ParseDict(spec["deploymentSpec"], pipeline_spec_pb2.PipelineDeploymentConfig())
    assert parsed.default_pipeline_root == ROOT
    assert set(deployment.executors) == set(platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"])


def test_every_container_is_our_image_with_our_entrypoint(compiled):
    for container in containers(compiled).values():
        assert container["image"] == IMAGE
        assert container["command"] == ["python", "-m", "pipeline.runners.kubeflow.entrypoint"]
        assert container["args"].count("{{$}}") == 1


def test_types_are_import_paths(compiled):
    args = containers(compiled)["Pusher_executor"]["args"]
    types = json.loads(args[args.index("--artifact_types") + 1])

    assert types["inputs"]["baseline"] == "components.artifact_types.BaselineFound"
    assert types["outputs"] == {"pushed_model": "tfx.types.standard_artifacts.PushedModel"}


def test_the_run_id_is_a_parameter_that_the_backend_fills_in(compiled):
    parameters = compiled.spec["root"]["dag"]["tasks"]["Pusher"]["inputs"]["parameters"]

    assert parameters["run_id"]["runtimeValue"]["constant"] == RUN_ID


def test_a_run_may_name_other_images_and_a_version_to_ignore(compiled):
    parameters = compiled.spec["root"]["inputDefinitions"]["parameters"]
    tasks = compiled.spec["root"]["dag"]["tasks"]

    assert {name: one["defaultValue"] for name, one in parameters.items()} == {
        "data_root": "/data/faces",
        "ignore_baseline": -1,
    }
    ingest, baseline = tasks["ImageExampleGen"]["inputs"], tasks["Baseline"]["inputs"]
    assert ingest["parameters"]["data_root"] == {"componentInputParameter": "data_root"}
    assert baseline["parameters"]["ignore_version"] == {"componentInputParameter": "ignore_baseline"}


def test_another_schema_version_of_tfx_is_an_error(monkeypatch):
    monkeypatch.setattr(compilation, "SCHEMA_VERSION", "2.2.0")
    with pytest.raises(ValueError, match=r"2\.1\.0.*2\.2\.0"):
        compile_pipeline(config(), IMAGE, ROOT)


def test_two_compilations_of_one_configuration_are_the_same_file(compiled):
    assert compile_pipeline(config(), IMAGE, ROOT).text() == compiled.text()


@pytest.mark.parametrize(
    ("overrides", "image", "root", "code", "fact"),
    [
        ([], None, ROOT, "kubeflow-no-image", "kubeflow.image"),
        ([], IMAGE, None, "kubeflow-pipeline-root", "--pipeline-root"),
        ([], IMAGE, "/tmp/root", "kubeflow-pipeline-root", "/tmp/root"),
        (["data.source=sklearn:digits"], IMAGE, ROOT, "kubeflow-data-source", "data.source"),
        (
            ["data.source=/elsewhere/x"],
            IMAGE,
            ROOT,
            "kubeflow-folder-not-mounted",
            "data.source /elsewhere/x",
        ),
        (["push.serving_dir=null"], IMAGE, ROOT, "kubeflow-no-serving-folder", "push.serving_dir"),
        (
            ["push.serving_dir=/servings"],
            IMAGE,
            ROOT,
            "kubeflow-folder-not-mounted",
            "push.serving_dir /servings: is in no volume that Baseline mounts",
        ),
        (["kubeflow.checkpoints=/tmp/x"], IMAGE, ROOT, "kubeflow-folder-not-mounted", "kubeflow.checkpoints /tmp/x"),
        (
            ["kubeflow.resources={Trainr: {}}"],
            IMAGE,
            ROOT,
            "kubeflow-unknown-node",
            "kubeflow.resources.Trainr",
        ),
        (
            ["kubeflow.secrets=[{name: s, path: /s, nodes: [Pushr]}]"],
            *(IMAGE, ROOT, "kubeflow-unknown-node", "kubeflow.secrets.nodes Pushr"),
        ),
        (
            ["kubeflow.volumes=[{claim: a, path: /data}, {claim: b, path: /serving, nodes: [Pusher]}]"],
            *(IMAGE, ROOT, "kubeflow-folder-not-mounted", "push.serving_dir /serving/faces"),
        ),
        (["serving_validator.runtime=docker"], IMAGE, ROOT, "kubeflow-serving-validator", "docker"),
    ],
)
def test_a_missing_or_wrong_setting_of_the_cluster_is_an_error(overrides, image, root, code, fact):
    with pytest.raises(UserError) as error:
        compile_pipeline(config(*overrides), image, root)
    assert error.value.code == code
    assert fact in error.value.message


def test_a_digest_that_looks_like_a_number_stays_a_text(compiled):
    spec = {**compiled.spec, "sdkVersion": "12e45"}  # a number to the backend, unless it is in quotes

    assert "sdkVersion: '12e45'" in CompiledPipeline(spec, compiled.platform).text()


def test_the_checks_find_nothing(compiled):
    assert compiled.findings() == []


def test_what_the_backend_would_refuse_is_not_compiled():
    with pytest.raises(UserError, match=r"\nerror: platform of .*: scratch is the name of a") as error:
        compile_pipeline(
            config("kubeflow.volumes=[{claim: scratch, path: /data}]", "push.serving_dir=gs://m/f"), IMAGE, ROOT
        )
    assert error.value.code == "kubeflow-check-failed"


def test_a_bucket_to_serve_from_needs_no_volume():
    assert compile_pipeline(config("push.serving_dir=gs://models/faces"), IMAGE, ROOT)


def test_the_command_writes_the_file_and_prints_its_parameters(tmp_path):
    file = tmp_path / "faces.yaml"
    file.write_text(
        "data: {source: /data/faces}\npush: {serving_dir: 'gs://models/faces'}\n"
        f"kubeflow: {{image: '{IMAGE}', pipeline_root: '{ROOT}', volumes: [{{claim: images, path: /data}}]}}\n"
    )
    command = [sys.executable, "-m", "pipeline", "kubeflow", "compile", "--config", str(file), "--output", "p.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert "p.yaml: " in done.stdout
    assert "parameters of a run: data_root=/data/faces, ignore_baseline=-1" in done.stdout
    assert "warning" not in done.stdout
    assert len(list(yaml.safe_load_all(Path(tmp_path / "p.yaml").read_text()))) == 2
