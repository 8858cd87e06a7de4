import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2
from tiny_model import CALIBRATION, COLOUR, GREY, fit_transform, pair_example, patterns, png

from models.data import canonical_pixels
from models.export.saved_model import ServedModel, raw_bytes
from models.network.encoders import build_encoder
from models.settings import ImageSettings
from models.verification.calibration import Calibration

ATOL = 1e-5


@pytest.fixture(scope="module")
def signatures(exported):
    return exported.signatures


def compared(signatures, a, b):
    outputs = signatures["compare"](image_a=tf.constant([png(x) for x in a]), image_b=tf.constant([png(x) for x in b]))
    return {key: value.numpy() for key, value in outputs.items()}


def from_examples(signatures, a, b):
    examples = [pair_example(x, y) for x, y in zip(a, b, strict=True)]
    return {key: value.numpy() for key, value in signatures["serving_default"](tf.constant(examples)).items()}


def assert_equal_outputs(one, other):
    assert np.ptp(one["distance"]) > 0.05  # the pairs differ, or equality means nothing
    for key in ("score", "distance"):
        np.testing.assert_allclose(one[key], other[key], rtol=0, atol=ATOL)


@pytest.mark.parametrize("image", [GREY, COLOUR], ids=["grey", "colour"])
@pytest.mark.parametrize("size", [(12, 10), (31, 17)], ids=["its own size", "another size"])
def test_encoded_bytes_and_the_pixels_of_the_ingest_give_the_same_outputs(export_of, image, size):
    height, width = size
    found = patterns(12, image.model_copy(update={"height": height, "width": width}), seed=1)
    ingested = np.stack([canonical_pixels.decode(tf.constant(png(x)), image).numpy() for x in found])
    signatures = export_of(image).signatures
    assert_equal_outputs(
        compared(signatures, found[:6], found[6:]), from_examples(signatures, ingested[:6], ingested[6:])
    )


def test_outputs_do_not_depend_on_the_rest_of_the_batch(signatures):
    images = patterns(10, GREY, seed=2)
    for call in (compared, from_examples):
        together = call(signatures, images[:5], images[5:])
        alone = [call(signatures, images[i : i + 1], images[i + 5 : i + 6]) for i in range(5)]
        assert_equal_outputs(together, {key: np.concatenate([one[key] for one in alone]) for key in together})


def test_examples_of_other_sizes_are_resized_to_the_models_own(signatures):
    sizes = [(12, 10, 1), (24, 20, 1), (9, 30, 3), (12, 10, 3)]
    pixels = [
        patterns(2, ImageSettings(height=h, width=w, channels=c), seed=n) for n, (h, w, c) in enumerate(sizes, start=3)
    ]
    own = np.array([[canonical_pixels.resize(tf.constant(x), GREY).numpy() for x in pair] for pair in pixels])
    outputs = from_examples(signatures, [pair[0] for pair in pixels], [pair[1] for pair in pixels])
    assert_equal_outputs(outputs, from_examples(signatures, own[:, 0], own[:, 1]))


def test_a_grey_image_means_the_same_in_grey_and_in_rgb(export_of):
    grey = patterns(8, GREY, seed=4)
    rgb = np.repeat(grey, 3, axis=3)
    for image in (GREY, COLOUR):
        signatures = export_of(image).signatures
        assert_equal_outputs(compared(signatures, grey[:4], grey[4:]), compared(signatures, rgb[:4], rgb[4:]))


def test_an_image_is_most_like_itself(signatures):
    images = patterns(8, GREY, seed=5)
    itself = compared(signatures, images, images)
    a, b = np.array(list(itertools.permutations(range(8), 2))).T
    others = compared(signatures, images[a], images[b])
    assert itself["score"].min() > others["score"].max()
    assert itself["distance"] == pytest.approx(0, abs=2e-3)
    assert itself["same"].all()


def test_the_order_of_the_two_images_does_not_matter(signatures):
    images = patterns(8, GREY, seed=6)
    forth = compared(signatures, images[:4], images[4:])
    assert_equal_outputs(forth, compared(signatures, images[4:], images[:4]))


def test_score_and_verdict_follow_from_the_distance(signatures):
    images = patterns(60, GREY, seed=7)
    outputs = compared(signatures, images[:30], images[30:])
    np.testing.assert_allclose(outputs["score"], CALIBRATION.score(outputs["distance"].astype(float)), atol=ATOL)
    np.testing.assert_array_equal(outputs["same"], outputs["distance"] < CALIBRATION.threshold)
    assert 0 < outputs["same"].sum() < 30


def test_compare_gives_the_distance_of_the_embeddings_of_embed(signatures):
    images = patterns(6, GREY, seed=8)
    embedding = signatures["embed"](image=tf.constant([png(x) for x in images]))["embedding"].numpy()
    assert embedding.shape == (6, 5)
    assert embedding.dtype == np.float32
    distance = np.linalg.norm(embedding[:3] - embedding[3:], axis=1)
    np.testing.assert_allclose(distance, compared(signatures, images[:3], images[3:])["distance"], atol=ATOL)


def test_the_saved_model_is_the_encoder_behind_the_normalisation(exported, signatures):
    images = patterns(40, GREY)  # what the normalisation was fitted on
    scaled = images / 255.0
    normalised = (scaled - scaled.mean()) / scaled.std()
    expected = exported.encoder.predict(normalised.astype(np.float32), verbose=0)
    got = signatures["embed"](image=tf.constant([png(x) for x in images]))["embedding"].numpy()
    np.testing.assert_allclose(got, expected, atol=1e-4)


def test_a_session_gives_the_same_outputs(exported, signatures):
    # As TensorFlow Serving has it: signatures by the names in the graph, variables by the graph's own restore.
    a, b = ([png(x) for x in patterns(6, GREY, seed=seed)] for seed in (10, 11))
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        graph = tf.compat.v1.saved_model.load(session, ["serve"], str(exported.path)).signature_def["compare"]
        fed = {graph.inputs["image_a"].name: a, graph.inputs["image_b"].name: b}
        served = session.run({name: tensor.name for name, tensor in graph.outputs.items()}, fed)
    outputs = signatures["compare"](image_a=tf.constant(a), image_b=tf.constant(b))
    assert_equal_outputs(served, {key: value.numpy() for key, value in outputs.items()})


def test_every_weight_is_stored_once(exported):
    stored = tf.train.list_variables(str(exported.path / "variables" / "variables"))
    shapes = [tuple(shape) for name, shape in stored if name.endswith("VARIABLE_VALUE")]
    assert sorted(shapes) == sorted(weights.shape for weights in exported.encoder.get_weights())


@pytest.mark.parametrize("shape", [(3, 4, 1), (2, 5, 3), (1, 1, 1), (120, 7, 3)])
def test_raw_bytes_are_the_inverse_of_decode_raw(shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    raw = raw_bytes(tf.constant(pixels))
    assert raw.numpy() == pixels.tobytes()
    np.testing.assert_array_equal(tf.reshape(tf.io.decode_raw(raw, tf.uint8), shape), pixels)


def test_every_warm_up_request_is_valid_for_its_signature(exported, signatures):
    path = exported.path / "assets.extra" / "tf_serving_warmup_requests"
    outputs_of = {}
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        inputs = {name: tf.constant(tf.make_ndarray(value)) for name, value in request.inputs.items()}
        outputs_of[request.model_spec.signature_name] = signatures[request.model_spec.signature_name](**inputs)
    assert outputs_of.keys() == {"serving_default", "compare", "embed"}
    assert all(
        value.shape[0] == 1 and np.isfinite(value.numpy()).all() for a in outputs_of.values() for value in a.values()
    )


class TestDigest:
    def digest(self, exported, code="code", **changes):
        made = {
            "encoder": exported.encoder,
            "transform": exported.transform,
            "distance": "euclidean",
            "calibration": CALIBRATION,
            "image": GREY,
        }
        return ServedModel(**{**made, **changes}).digest(code)

    def encoder_like(self, exported, change=0.0):
        encoder = build_encoder(GREY, exported.settings.encoder)
        encoder.set_weights([weights + change for weights in exported.encoder.get_weights()])
        return encoder

    def test_the_same_model_made_again_has_the_same(self, exported):
        # Keras numbers the layers of a process; that is no property of the model.
        again = self.encoder_like(exported)
        assert self.digest(exported, encoder=again) == self.digest(exported)
        assert self.digest(exported) == exported.served.digest("code")

    def test_every_part_counts(self, exported, tmp_path):
        digests = [
            self.digest(exported),
            self.digest(exported, encoder=self.encoder_like(exported, change=1e-6)),
            self.digest(exported, calibration=Calibration(0.41, 6.0)),
            self.digest(exported, calibration=Calibration(0.4, 6.1)),
            self.digest(exported, distance="cosine"),
            self.digest(exported, image=GREY.model_copy(update={"fit": "pad"})),
            self.digest(exported, transform=fit_transform(patterns(5, GREY, seed=9), GREY, tmp_path)),
            self.digest(exported, code="other code"),
        ]
        assert len(set(digests)) == len(digests)

    def test_the_architecture_counts_even_where_the_weights_are_equal(self, exported):
        def encoder(activation):
            inputs = keras.Input((12, 10, 1))
            x = keras.layers.Dense(3, activation=activation, kernel_initializer="ones")(keras.layers.Flatten()(inputs))
            return keras.Model(inputs, x, name="encoder")

        digests = {self.digest(exported, encoder=encoder(activation)) for activation in ("relu", "tanh")}
        assert len(digests) == 2
