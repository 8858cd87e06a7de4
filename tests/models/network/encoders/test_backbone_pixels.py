"""EfficientNetB0 to B7 standardise pixels by their weights, and once more where Keras loads ImageNet's."""

import keras
import numpy as np
import pytest

from models.network.encoders import build_encoder
from models.network.encoders.backbone import BACKBONE, PIXELS, application
from models.network.pretrained import load_pretrained
from models.settings import EncoderSettings, ImageSettings

IMAGE = ImageSettings(height=32, width=32, channels=3)
IMAGES = np.random.default_rng(0).uniform(size=(4, 32, 32, 3)).astype(np.float32)
IMAGENETS = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def saved(path, statistics=None):
    """A network with every weight moved, so that all of them matter, and the statistics of its pixels."""
    keras.utils.set_random_seed(0)
    random = np.random.default_rng(0)
    network = application("EfficientNetB0", IMAGE)
    network.set_weights(
        [
            w + random.normal(0, 0.05, w.shape).astype(w.dtype) if w.dtype.kind == "f" else w
            for w in network.get_weights()
        ]
    )
    (layer,) = (layer for layer in network.layers if isinstance(layer, keras.layers.Normalization))
    mean, variance = statistics or ((0.0,) * 3, (1.0,) * 3)
    layer.set_weights([np.array(mean, np.float32), np.array(variance, np.float32), np.array(0)])
    network.save_weights(path)
    return str(path)


def features(model: keras.Model) -> np.ndarray:
    return np.asarray(model.get_layer(BACKBONE)(model.get_layer(PIXELS)(IMAGES), training=False))


def loaded(weights: str) -> keras.Model:
    encoder = EncoderSettings(name="backbone", backbone="EfficientNetB0", weights=weights, embedding=4)
    model = build_encoder(IMAGE, encoder)
    load_pretrained(model, IMAGE, encoder)
    return model


def assert_close(found: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("way", ["imagenet", "file"])
def test_features_of_imagenets_weights_are_those_of_keras_own_network(tmp_path, monkeypatch, way):
    path = saved(tmp_path / "b0.weights.h5", IMAGENETS)
    monkeypatch.setattr("keras.src.utils.file_utils.get_file", lambda *given, **named: path)
    theirs = keras.applications.EfficientNetB0(
        include_top=False, weights="imagenet", input_shape=(32, 32, 3), pooling="avg"
    )
    expected = np.asarray(theirs(IMAGES * 255, training=False))
    ours = loaded("imagenet" if way == "imagenet" else path)
    assert_close(features(ours), expected)
    # What is exported is another network with the same weights.
    exported = build_encoder(
        IMAGE, EncoderSettings(name="backbone", backbone="EfficientNetB0", weights=path, embedding=4)
    )
    exported.set_weights(ours.get_weights())
    assert_close(features(exported), expected)


def test_a_network_that_was_trained_from_scratch_has_no_second_division(tmp_path):
    path = saved(tmp_path / "b0.weights.h5")
    theirs = application("EfficientNetB0", IMAGE)
    theirs.load_weights(path)
    assert_close(features(loaded(path)), np.asarray(theirs(IMAGES * 255, training=False)))
