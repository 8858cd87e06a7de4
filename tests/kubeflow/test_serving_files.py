"""The files for serving on a cluster, as far as they can be checked without one."""

import re
from pathlib import Path

import pytest
import yaml
from google.protobuf import text_format
from typer.main import get_command

from pipeline.cli.main import app

FOLDER = Path(__file__).parents[2] / "kubeflow" / "serving"

# KServe v1beta1: InferenceServiceSpec, PredictorSpec with its inlined PodSpec, ModelSpec with its inlined Container.
POD = {"containers", "volumes", "serviceAccountName", "nodeSelector", "tolerations", "imagePullSecrets"}
EXTENSION = {"minReplicas", "maxReplicas", "scaleTarget", "scaleMetric", "containerConcurrency", "timeout"}
CONTAINER = {"name", "image", "command", "args", "env", "ports", "resources", "volumeMounts"}
CONTAINER |= {"readinessProbe", "livenessProbe", "securityContext"}
MODEL = {"modelFormat", "runtime", "protocolVersion", "storageUri", "runtimeVersion", "storage"} | CONTAINER


@pytest.fixture(scope="module")
def service():
    return yaml.safe_load((FOLDER / "inferenceservice.yaml").read_text(encoding="utf-8"))


def test_keys_are_those_of_kserve(service):
    assert (service["apiVersion"], service["kind"]) == ("serving.kserve.io/v1beta1", "InferenceService")
    predictor, transformer = service["spec"]["predictor"], service["spec"]["transformer"]
    assert predictor.keys() <= {"model"} | POD | EXTENSION
    assert predictor["model"].keys() <= MODEL
    assert predictor["model"]["runtime"] == "kserve-tensorflow-serving"
    assert transformer.keys() <= POD | EXTENSION
    (container,) = transformer["containers"]
    assert container.keys() <= CONTAINER
    assert container["name"] == "kserve-container"


def test_every_mount_has_its_volume_and_every_file_in_it_is_there(service):
    predictor = service["spec"]["predictor"]
    (mount,) = predictor["model"]["volumeMounts"]
    assert [volume["name"] for volume in predictor["volumes"]] == [mount["name"]]
    files = re.findall(rf"{mount['mountPath']}/(\S+)", " ".join(predictor["model"]["args"]))
    assert files == ["batching_parameters.txt", "monitoring.config"]
    assert all((FOLDER / name).is_file() for name in files)


def test_the_transformer_is_started_as_kserve_starts_it(service, monkeypatch):
    (container,) = service["spec"]["transformer"]["containers"]
    executable, *command = container["command"] + container["args"]
    added = ["--model_name", "siamese", "--predictor_host", "siamese-predictor.default", "--http_port", "8080"]
    added += ["--workers", "1"]
    asked = []
    monkeypatch.setattr("pipeline.serving.server.process.serve_transformer", lambda *given: asked.append(given))
    get_command(app).main([*command, *added], standalone_mode=False)
    assert executable == "siamese"
    assert asked[0][:4] == ("siamese-predictor.default", "0.0.0.0", 8080, "siamese")
    port = container["ports"][0]["containerPort"]
    assert {port} == {
        8080,
        container["readinessProbe"]["httpGet"]["port"],
        container["livenessProbe"]["httpGet"]["port"],
    }


def test_the_model_config_is_tensorflow_servings():
    from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

    text = (FOLDER / "model.config").read_text(encoding="utf-8")
    (config,) = text_format.Parse(text, ModelServerConfig()).model_config_list.config
    assert (config.name, config.model_platform) == ("siamese", "tensorflow")
    assert config.model_version_policy.latest.num_versions == 1
    with_labels = text.replace("    model_version_policy { latest", "    #").replace("    #   ", "    ")
    labelled = text_format.Parse(with_labels, ModelServerConfig()).model_config_list.config[0]
    assert dict(labelled.version_labels).keys() == {"stable", "canary"}
    assert set(labelled.version_labels.values()) == set(labelled.model_version_policy.specific.versions)


def text_proto(name):
    """The fields of a file whose protocol buffer no Python package has, read by TensorFlow Serving's documentation."""
    text = re.sub(r"#.*", "", (FOLDER / name).read_text(encoding="utf-8"))
    assert text.count("{") == text.count("}")
    return text


def test_batching_parameters_are_fields_that_there_are():
    wrapped = {"max_batch_size", "batch_timeout_micros", "max_enqueued_batches", "num_batch_threads"}
    text = text_proto("batching_parameters.txt")
    found = dict(re.findall(r"(\w+) \{ value: (\d+) \}", text))
    assert found.keys() == wrapped
    assert re.findall(r"^(\w+):", text, re.MULTILINE) == ["pad_variable_length_inputs"]


def test_monitoring_is_where_ours_is(service):
    text = text_proto("monitoring.config")
    assert re.search(r"prometheus_config \{\s+enable: true\s+path: \"/monitoring/prometheus/metrics\"\s+\}", text)
