"""The stock InfraValidator's node: built, its requests made; there is no Docker engine to run it with."""

import pytest
from tfx.components.infra_validator import request_builder, serving_bins
from tfx.components.infra_validator.component import InfraValidator
from tfx.proto import infra_validator_pb2
from tfx.types import channel_utils, standard_artifacts
from tfx.utils import path_utils, proto_utils

from components.artifact_types import GateVerdict, PairScores
from components.gates.serving_validator.component import serving_validator
from components.gates.serving_validator.settings import ServingValidatorSettings
from components.gates.serving_validator.tensorflow_serving import Executor, request_spec, serving_spec
from models.errors import UserError


def node(**settings):
    channels = [
        channel_utils.as_channel([kind()])
        for kind in (standard_artifacts.Model, standard_artifacts.Examples, PairScores)
    ]
    return serving_validator(ServingValidatorSettings(**settings), *channels)


@pytest.mark.parametrize(("runtime", "platform"), [("docker", "local_docker"), ("kubernetes", "kubernetes")])
def test_the_node_is_the_stock_one_with_our_outputs(runtime, platform):
    made = node(runtime=runtime, canaries=9, timeout=120)
    assert isinstance(made, InfraValidator) and made.id == "ServingValidator"
    assert set(made.outputs) == {"blessing", "verdict"}
    serving, validation = infra_validator_pb2.ServingSpec(), infra_validator_pb2.ValidationSpec()
    proto_utils.json_to_proto(made.exec_properties["serving_spec"], serving)
    proto_utils.json_to_proto(made.exec_properties["validation_spec"], validation)
    assert serving.WhichOneof("serving_platform") == platform
    assert validation.max_loading_time_seconds == 120


@pytest.mark.parametrize(
    ("image", "started"),
    [
        ("tensorflow/serving:2.16.1", "tensorflow/serving:2.16.1"),
        ("tensorflow/serving", "tensorflow/serving:latest"),
        ("localhost:5000/serving", "localhost:5000/serving:latest"),
        ("localhost:5000/serving:2.19.0-gpu", "localhost:5000/serving:2.19.0-gpu"),
        ("tensorflow/serving@sha256:0123", "tensorflow/serving@sha256:0123"),
    ],
)
def test_the_image_that_tfx_starts_is_the_configured_one(image, started):
    spec = serving_spec(ServingValidatorSettings(runtime="docker", image=image))
    (binary,) = serving_bins.parse_serving_binaries(spec)
    assert binary.image == started


def test_tfx_makes_requests_of_the_pairs(exported, pairs, tmp_path):
    model = standard_artifacts.Model()
    model.uri = str(tmp_path)
    path = path_utils.serving_model_dir(model.uri)
    tmp_path.joinpath("Format-Serving").symlink_to(exported.path)
    assert path == str(tmp_path / "Format-Serving")
    spec = request_spec(ServingValidatorSettings(runtime="docker", canaries=4))
    requests = request_builder.build_requests("siamese", model, pairs, spec)
    assert len(requests) == 4
    assert {request.model_spec.signature_name for request in requests} == {"serving_default"}
    assert all(list(request.inputs) == ["examples"] for request in requests)


@pytest.mark.parametrize("runtime", ["docker", "kubernetes"])
def test_a_missing_platform_is_the_users_error_not_a_refusal(runtime, monkeypatch, tmp_path, pairs):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/absent.sock")
    model, blessing, verdict = standard_artifacts.Model(), standard_artifacts.InfraBlessing(), GateVerdict()
    with pytest.raises(UserError, match=r"^serving_validator\.runtime: "):
        Executor().Do(
            {"model": [model], "examples": [pairs]},
            {"blessing": [blessing], "verdict": [verdict]},
            dict(node(runtime=runtime).exec_properties),
        )
