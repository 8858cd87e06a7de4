"""What a client written for TensorFlow Serving asks, and is answered."""

import base64
import json

import numpy as np
import pytest
from tensorflow_serving.apis import get_model_status_pb2
from tiny_model import GREY, pair_example, patterns

from models.export.inference import LoadedModel


def b64(data: bytes) -> dict:
    return {"b64": base64.b64encode(data).decode()}


@pytest.fixture(scope="module")
def model(exported):
    return LoadedModel(exported.path)


@pytest.fixture(scope="module")
def expected(model, images):
    """The outputs of the SavedModel for images 0-3 with 4-7."""
    return model.answer("compare", {"image_a": images[:4], "image_b": images[4:]})


def test_rows(server, images, expected):
    instances = [{"image_a": b64(a), "image_b": b64(b)} for a, b in zip(images[:4], images[4:], strict=True)]
    answer = server.predict({"signature_name": "compare", "instances": instances})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.headers["x-model-version"] == "7"
    assert answer.json().keys() == {"predictions"}
    for row, found in enumerate(answer.json()["predictions"]):
        assert found.keys() == {"distance", "same", "score"}
        assert found["same"] is bool(expected["same"][row])
        for key in ("score", "distance"):
            assert found[key] == pytest.approx(expected[key][row], abs=1e-5)


def test_columns(server, images, expected):
    inputs = {"image_a": [b64(one) for one in images[:4]], "image_b": [b64(one) for one in images[4:]]}
    answer = server.predict({"signature_name": "compare", "inputs": inputs}).json()
    assert answer.keys() == {"outputs"}
    assert answer["outputs"]["same"] == expected["same"].tolist()
    np.testing.assert_allclose(answer["outputs"]["score"], expected["score"], atol=1e-5)


@pytest.mark.parametrize("form", ["bare instances", "named instances", "bare inputs", "named inputs"])
def test_one_input_and_one_output_go_with_or_without_a_name(server, model, images, form):
    values = [b64(one) for one in images[:3]]
    body = {
        "bare instances": {"instances": values},
        "named instances": {"instances": [{"image": value} for value in values]},
        "bare inputs": {"inputs": values},
        "named inputs": {"inputs": {"image": values}},
    }[form]
    answer = server.predict({"signature_name": "embed", **body}).json()
    (embeddings,) = answer.values()
    assert answer.keys() == {"predictions" if "instances" in form else "outputs"}
    np.testing.assert_allclose(embeddings, model.answer("embed", {"image": images[:3]})["embedding"], atol=1e-5)


@pytest.mark.parametrize("named", [{}, {"signature_name": "serving_default"}, {"signature_name": ""}])
def test_the_default_signature_takes_examples(server, model, named):
    pixels = patterns(4, GREY, seed=3)
    examples = [pair_example(a, b) for a, b in zip(pixels[:2], pixels[2:], strict=True)]
    answer = server.predict({**named, "instances": [{"examples": b64(one)} for one in examples]}).json()
    found = [[row["distance"], row["score"]] for row in answer["predictions"]]
    expected = model.answer("serving_default", {"examples": examples})
    np.testing.assert_allclose(found, np.stack([expected["distance"], expected["score"]], axis=1), atol=1e-5)


@pytest.mark.parametrize("which", ["/versions/7", "/labels/stable"])
def test_a_version_or_label_is_asked_for(server, images, which):
    body = {"signature_name": "embed", "instances": [b64(images[0])]}
    assert server.predict(body, f"/v1/models/siamese{which}:predict").status_code == 200
    assert server.client.get(f"/v1/models/siamese{which}").json()["model_version_status"][0]["version"] == "7"
    assert server.client.get(f"/v1/models/siamese{which}/metadata").json()["model_spec"]["version"] == "7"


def test_base64_may_be_wrapped_and_unpadded(server, images):
    plain = server.predict({"signature_name": "embed", "instances": [b64(images[0])]}).content
    for text in (base64.encodebytes(images[0]).decode(), base64.b64encode(images[0]).decode().rstrip("=")):
        assert server.predict({"signature_name": "embed", "instances": [{"b64": text}]}).content == plain


def test_status_is_tensorflow_servings_message(server):
    from google.protobuf import json_format

    found = server.client.get("/v1/models/siamese").json()
    message = json_format.ParseDict(found, get_model_status_pb2.GetModelStatusResponse())
    (one,) = message.model_version_status
    assert (one.version, one.state, one.status.error_code) == (7, one.AVAILABLE, 0)


def test_metadata_is_the_saved_models(server, exported):
    from google.protobuf import json_format
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
    from tensorflow_serving.apis.get_model_metadata_pb2 import SignatureDefMap

    found = server.client.get("/v1/models/siamese/metadata").json()
    assert found["model_spec"] == {"name": "siamese", "signature_name": "", "version": "7"}
    map_ = found["metadata"]["signature_def"]
    graph = SavedModel.FromString((exported.path / "saved_model.pb").read_bytes()).meta_graphs[0]
    message = json_format.ParseDict(map_, SignatureDefMap(), ignore_unknown_fields=True)
    assert {name: one.SerializeToString(deterministic=True) for name, one in message.signature_def.items()} == {
        name: one.SerializeToString(deterministic=True) for name, one in graph.signature_def.items()
    }


def test_the_manifest_tells_the_threshold(server, exported):
    found = server.client.get("/v1/models/siamese/versions/7/manifest").json()
    assert (found["version"], found["threshold"]) == (7, pytest.approx(0.4))
    assert found["image"]["height"] == 12


def test_health(server):
    assert server.client.get("/healthz").status_code == 200
    assert server.client.get("/readyz").json() == {"status": "ready", "version": 7}


def test_metrics(server, images):
    body = {"signature_name": "embed", "instances": [b64(images[0])] * 3}
    before = server.client.get("/metrics").text
    server.predict(body)
    server.predict({"signature_name": "embed", "instances": [b64(b"GIF89a")]})
    after = server.client.get("/monitoring/prometheus/metrics").text

    def value(text, name):
        lines = [line for line in text.splitlines() if line.startswith(name)]
        return float(lines[0].rpartition(" ")[2]) if lines else 0.0

    grown = {
        'siamese_requests_total{code="200",endpoint="predict"}': 1,
        'siamese_requests_total{code="400",endpoint="predict"}': 1,
        'siamese_request_seconds_count{endpoint="predict"}': 2,
        'siamese_batch_instances_sum{signature="embed"}': 3,
        'siamese_images_refused_total{reason="damaged header"}': 1,
    }
    assert {name: value(after, name) - value(before, name) for name in grown} == grown
    assert value(after, "siamese_model_version") == 7
    assert value(after, "process_resident_memory_bytes") > 1e6


def test_answers_are_json_that_any_parser_reads(server, images):
    def fail(constant):
        raise AssertionError(constant)

    answer = server.predict(
        {"signature_name": "compare", "instances": [{"image_a": b64(images[0])} | {"image_b": b64(images[0])}]}
    )
    json.loads(answer.content, parse_constant=fail)
