"""Real models, damaged in one way each, tried in this process."""

import os
import re
import shutil

import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2
from tiny_model import GREY

from components.gates.serving_validator.answers import refusal
from components.gates.serving_validator.canary_requests import Refused
from components.gates.serving_validator.smoke_test import try_model
from models.export.manifest import ModelManifest
from models.export.saved_model import warmup_requests

DATA = "variables/variables.data-00000-of-00001"
WARMUP = "assets.extra/tf_serving_warmup_requests"


def reason(model, canaries):
    """Why the model is refused; None where it is not."""
    try:
        answers = try_model(model, canaries.requests, tf)
    except Refused as refused:
        return str(refused)
    return refusal(answers, canaries.pair_ids, canaries.score, ModelManifest.read(model), 1e-5)


def test_the_whole_model_passes(exported, canaries):
    stages = []
    answers = try_model(exported.path, canaries.requests, tf, stages.append)
    assert refusal(answers, canaries.pair_ids, canaries.score, ModelManifest.read(exported.path), 1e-5) is None
    assert len(stages) == 6
    assert {values.shape[0] for values in answers.values()} == {6}


def cut(path, kept=0.5):
    os.truncate(path, int(path.stat().st_size * kept))


FILES = {
    "no graph": (
        lambda m: (m / "saved_model.pb").unlink(),
        "TensorFlow cannot load it: SavedModel file does not exist",
    ),
    "half a graph": (lambda m: cut(m / "saved_model.pb"), "TensorFlow cannot load it: Cannot parse file"),
    "an empty graph": (lambda m: cut(m / "saved_model.pb", 0), "TensorFlow cannot load it: MetaGraphDef .* 'serve'"),
    "no variables": (lambda m: shutil.rmtree(m / "variables"), "TensorFlow cannot load it: "),
    "no weights": (lambda m: (m / DATA).unlink(), "TensorFlow cannot load it: .*No such file"),
    "half the weights": (lambda m: cut(m / DATA), "TensorFlow cannot load it: Read less bytes than requested"),
    "no index": (lambda m: (m / "variables/variables.index").unlink(), "TensorFlow cannot load it: "),
    "no manifest": (lambda m: (m / "assets.extra/siamese.json").unlink(), "its manifest .* is missing or damaged"),
    "half a manifest": (lambda m: cut(m / "assets.extra/siamese.json"), "its manifest .* is missing or damaged"),
    "no warm-up": (lambda m: (m / WARMUP).unlink(), "the warm-up file .* is missing"),
    "an empty warm-up": (lambda m: cut(m / WARMUP, 0), "holds 0 requests; 1 to 1000 are right"),
    "a warm-up cut off": (lambda m: cut(m / WARMUP, 0.9), "the warm-up file .* is damaged after 2 requests"),
    "a warm-up of text": (
        lambda m: (m / WARMUP).write_text("x" * 99),
        "the warm-up file .* is damaged after 0 requests",
    ),
}


@pytest.mark.parametrize(("damage", "expected"), FILES.values(), ids=FILES)
def test_a_damaged_file_is_named(copied, canaries, damage, expected):
    damage(copied)
    found = reason(copied, canaries)
    assert re.search(expected, found)
    assert str(copied) not in found and "\n" not in found


def flip(path, position):
    data = bytearray(path.read_bytes())
    data[position] ^= 0xFF
    path.write_bytes(data)


def test_a_flipped_bit_in_the_weights_is_found(copied, canaries):
    size = (copied / DATA).stat().st_size
    for position in (1, size // 2, size - 1):
        flip(copied / DATA, position)
        assert "TensorFlow cannot load it: " in reason(copied, canaries)
        flip(copied / DATA, position)


def renamed(log):
    log.predict_log.request.model_spec.signature_name = "predict"
    return log


def without_input(log):
    log.predict_log.request.inputs.clear()
    return log


def of_nonsense(log):
    for name in log.predict_log.request.inputs:
        log.predict_log.request.inputs[name].CopyFrom(tf.make_tensor_proto([b"nonsense"]))
    return log


def of_numbers(log):
    for name in log.predict_log.request.inputs:
        log.predict_log.request.inputs[name].CopyFrom(tf.make_tensor_proto([1.0]))
    return log


def of_another_kind(log):
    other = prediction_log_pb2.PredictionLog()
    other.classify_log.SetInParent()
    return other


REQUESTS = [
    (renamed, "warm-up request 1 is for the signature predict, which the model does not have"),
    (without_input, "warm-up request 1 gives serving_default no input instead of examples"),
    (of_nonsense, "warm-up request 1 to serving_default is answered with an error: .*parse"),
    (of_numbers, "warm-up request 1 to serving_default is answered with an error: "),
    (of_another_kind, "warm-up request 1 is no Predict request but classify_log"),
]


@pytest.mark.parametrize(("spoil", "expected"), REQUESTS)
def test_a_warm_up_request_that_serving_would_stumble_over_is_named(copied, canaries, spoil, expected):
    with tf.io.TFRecordWriter(str(copied / WARMUP)) as writer:
        writer.write(spoil(warmup_requests(GREY)[0]).SerializeToString())
    assert re.search(expected, reason(copied, canaries))


def test_a_warm_up_record_of_something_else_is_named(copied, canaries):
    with tf.io.TFRecordWriter(str(copied / WARMUP)) as writer:
        writer.write(warmup_requests(GREY)[0].SerializeToString())
        writer.write(b"\xff\xff\xff")
    assert reason(copied, canaries).startswith("request 2 of the warm-up file tf_serving_warmup_requests is no Pred")


SIGNATURES = {
    "missing": ({"embed": None}, "the signature embed is missing; there are: compare, serving_default"),
    "an output more": (
        {"compare": lambda a: {**a, "more": a["score"]}},
        "the outputs of compare are distance, more, same, score, not distance, same, score",
    ),
    "another dtype": (
        {"compare": lambda a: {**a, "same": tf.cast(a["same"], tf.int32)}},
        r"same of compare is int32 \[any\], not bool \[any\]",
    ),
    "another shape": (
        {"serving_default": lambda a: {**a, "score": a["score"][:, None]}},
        r"score of serving_default is float32 \[any, 1\], not float32 \[any\]",
    ),
    "another embedding": (
        {"embed": lambda a: {"embedding": a["embedding"][:, :3]}},
        r"embedding of embed is float32 \[any, 3\], not float32 \[any, 5\]",
    ),
    "not a number": (
        {"compare": lambda a: {**a, "score": a["score"] * float("nan")}},
        "warm-up request 2 to compare is answered with score that is not a finite number",
    ),
    "another scale": (
        {"compare": lambda a: {**a, "score": a["score"] * 0.9, "same": a["score"] * 0.9 > 0.5}},
        r"compare gives 0\.\d+ to pair \d+a.png\|\d+b.png, which scored 0\.\d+",
    ),
    "a row a request": (
        {"embed": lambda a: {"embedding": a["embedding"][:1]}},
        r"embedding of embed for all pairs in one request has the shape \[1, 5\], not \[6, 5\]",
    ),
}


@pytest.mark.parametrize(("changes", "expected"), SIGNATURES.values(), ids=SIGNATURES)
def test_a_signature_that_clients_cannot_rely_on_is_named(changed, canaries, changes, expected):
    assert re.search(expected, reason(changed(**changes), canaries))


@tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image")])
def anything_goes(image):
    return {"embedding": tf.zeros([tf.shape(image)[0], 5])}


def test_bytes_that_are_no_image_must_not_be_answered(changed, canaries):
    expected = "embed answers bytes that are no image as if they were one"
    assert reason(changed(embed=anything_goes), canaries) == expected


@tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image")])
def one_by_one_only(image):
    with tf.control_dependencies([tf.debugging.assert_less(tf.shape(image)[0], 2, "too many")]):
        return {"embedding": tf.zeros([tf.shape(image)[0], 5])}


def test_a_batch_that_is_not_answered_is_named(changed, canaries):
    assert "embed answers test pairs with an error: " in reason(changed(embed=one_by_one_only), canaries)
