"""Backbones of keras.applications: their preprocessing, their weights, and how they are frozen and unfrozen."""

import http.server
import threading

import keras
import numpy as np
import pytest

from models.errors import UserError
from models.network.encoders import build_encoder
from models.network.encoders.backbone import BACKBONE, BACKBONES, application
from models.network.layers import BackbonePixels
from models.network.pretrained import load_pretrained
from models.settings import EncoderSettings, ImageSettings, ModelSettings, TrainingSettings
from models.training.compiled_model import build_model
from models.training.steps import Phase, enter, phases

IMAGE = ImageSettings(height=32, width=32, channels=3)


def encoder_settings(**given) -> EncoderSettings:
    defaults = {"name": "backbone", "backbone": "MobileNetV3Small", "embedding": 8, "dropout": 0}
    return EncoderSettings(**{**defaults, **given})


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Weights that are no chance draw: each is its own position."""
    network = application("MobileNetV3Small", IMAGE)
    weights = [np.full(value.shape, number / 1000, value.dtype) for number, value in enumerate(network.get_weights())]
    network.set_weights(weights)
    path = tmp_path_factory.mktemp("weights") / "small.weights.h5"
    network.save_weights(path)
    return path, weights


def test_every_backbone_is_one_of_keras():
    assert BACKBONES.keys() <= set(dir(keras.applications))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("MobileNetV2", [-1.0, 1.0, 0.0]),  # scaled to [-1, 1]
        ("MobileNetV3Small", [0.0, 255.0, 127.5]),  # scales by itself
        ("ResNet50", [0 - 123.68, 255 - 123.68, 127.5 - 123.68]),  # ImageNet's mean off; the red one, now last
    ],
)
def test_pixels_are_scaled_as_the_weights_know_them(name, expected):
    images = np.array([0.0, 1.0, 0.5], np.float32).reshape(3, 1, 1, 1) * np.ones((1, 2, 2, 3), np.float32)
    np.testing.assert_allclose(np.asarray(BackbonePixels(name)(images))[:, 0, 0, 2], expected, atol=1e-4)


def test_grey_images_are_seen_in_three_channels():
    grey = np.random.default_rng(0).uniform(size=(2, 4, 4, 1)).astype(np.float32)
    seen = np.asarray(BackbonePixels("MobileNetV2")(grey))
    assert seen.shape == (2, 4, 4, 3)
    np.testing.assert_array_equal(seen[..., 0], seen[..., 2])


def test_weights_come_from_a_file(saved):
    path, weights = saved
    given = encoder_settings(weights=str(path))
    model = build_encoder(IMAGE, given)
    load_pretrained(model, IMAGE, given)
    for found, given in zip(model.get_layer(BACKBONE).get_weights(), weights, strict=True):
        np.testing.assert_array_equal(found, given)


def test_weights_come_from_a_url(saved, tmp_path, monkeypatch):
    path, weights = saved
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    handler = lambda *given: http.server.SimpleHTTPRequestHandler(*given, directory=str(path.parent))  # noqa: E731
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/{path.name}"
        model = build_encoder(IMAGE, encoder_settings(weights=url))
        load_pretrained(model, IMAGE, encoder_settings(weights=url))
        np.testing.assert_array_equal(model.get_layer(BACKBONE).get_weights()[3], weights[3])
        # The same name elsewhere is another file.
        other = path.parent / "other" / path.name
        other.parent.mkdir()
        there = encoder_settings(weights=url.replace(path.name, f"other/{path.name}"))
        other.write_bytes(path.read_bytes()[:10_000])  # and one that broke off is not kept
        with pytest.raises(UserError, match="cannot be loaded"):
            load_pretrained(model, IMAGE, there)
        network = application("MobileNetV3Small", IMAGE)
        network.set_weights([value + 1 for value in weights])
        network.save_weights(other)
        load_pretrained(model, IMAGE, there)
        np.testing.assert_array_equal(model.get_layer(BACKBONE).get_weights()[3], weights[3] + 1)
        with pytest.raises(UserError, match=r"missing.h5: .*404"):
            load_pretrained(model, IMAGE, encoder_settings(weights=url.replace(path.name, "missing.h5")))
    finally:
        server.shutdown()
        server.server_close()


def test_weights_of_another_network_are_refused_in_one_line(saved):
    other = encoder_settings(backbone="MobileNetV2", weights=str(saved[0]))
    with pytest.raises(UserError, match="MobileNetV2") as caught:
        load_pretrained(build_encoder(IMAGE, other), IMAGE, other)
    assert caught.value.code == "train-weights"
    assert "\n" not in str(caught.value)


def norms_of(model: keras.Model) -> list[keras.layers.BatchNormalization]:
    layers = model.get_layer(BACKBONE).layers
    return [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]


@pytest.mark.parametrize("weights", ["none", "imagenet"])
def test_batch_norms_keep_the_statistics_that_came_with_weights_and_learn_them_where_none_did(weights):
    model = build_encoder(IMAGE, encoder_settings(weights=weights))
    norms = norms_of(model)
    before = [np.array(norm.moving_mean) for norm in norms]
    model(np.random.default_rng(0).uniform(size=(4, 32, 32, 3)).astype(np.float32), training=True)
    kept = [(np.array(norm.moving_mean) == old).all() for norm, old in zip(norms, before, strict=True)]
    assert norms
    assert (any if weights == "none" else all)(kept) == (weights == "imagenet")
    assert any(norm.trainable_variables for norm in norms) == (weights == "none")


def test_random_weights_give_embeddings_that_differ_after_one_step():
    keras.utils.set_random_seed(0)
    model = build_encoder(IMAGE, encoder_settings())
    images = np.random.default_rng(0).uniform(size=(16, 32, 32, 3)).astype(np.float32)
    model(images, training=True)
    embeddings = np.asarray(model(images, training=False))
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-4)
    assert embeddings.std(axis=0).max() > 1e-2


def recipe(**encoder) -> ModelSettings:
    return ModelSettings(
        image=IMAGE,
        encoder=encoder_settings(**encoder),
        training=TrainingSettings(epochs=5, learning_rate=0.01, schedule="constant", weight_decay=0.1),
    )


@pytest.mark.parametrize(
    ("frozen", "expected"),
    [
        (0, [Phase(0, 5)]),
        (2, [Phase(0, 2, backbone_trains=False), Phase(2, 5, 0.1)]),
        (9, [Phase(0, 5, backbone_trains=False)]),
    ],
)
def test_a_backbone_is_frozen_first_and_trains_more_slowly_after(frozen, expected):
    assert phases(recipe(frozen_epochs=frozen, weights="imagenet")) == expected


def test_what_is_frozen_stays_and_what_is_unfrozen_moves(monkeypatch):
    monkeypatch.setattr("models.training.compiled_model.load_pretrained", lambda *given: None)
    keras.utils.set_random_seed(0)
    # Of few layers: each phase traces its step again.
    settings = recipe(frozen_epochs=2, backbone="VGG16", weights="imagenet")
    model = build_model(settings, 10)
    images = np.random.default_rng(0).uniform(size=(8, 32, 32, 3)).astype(np.float32)
    for phase, moves in zip(phases(settings), (False, True), strict=True):
        enter(model, settings, phase, 2)
        assert float(model.optimizer.learning_rate) == pytest.approx(0.01 * phase.rate)
        before = model.encoder.get_layer(BACKBONE).get_weights()
        head = np.array(model.encoder.get_layer("embedding").kernel)
        model.train_on_batch(images, np.repeat([0, 1], 4))
        after = model.encoder.get_layer(BACKBONE).get_weights()
        moved = any((old != new).any() for old, new in zip(before, after, strict=True))
        assert moved == moves
        assert (np.array(model.encoder.get_layer("embedding").kernel) != head).any()
