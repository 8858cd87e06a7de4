import importlib

import keras
import numpy as np
import pytest

from models.network.siamese import BatchModel, PairModel
from models.settings import (
    AugmentationSettings,
    EncoderSettings,
    ImageSettings,
    LossSettings,
    ModelSettings,
)
from models.training.compiled_model import build_model

IMAGES = np.random.default_rng(0).normal(size=(8, 8, 8, 1)).astype(np.float32)


def settings(form: str, **loss) -> ModelSettings:
    return ModelSettings(
        image=ImageSettings(height=8, width=8),
        encoder=EncoderSettings(filters=(4,), embedding=3, dropout=0.0),
        loss=LossSettings(form=form, **loss),
        augmentation=AugmentationSettings(rotation=20),
    )


def test_the_form_of_the_loss_decides_the_network():
    batch, pairs = build_model(settings("batch", margin=0.9), 1), build_model(settings("pairs", margin=0.7), 1)
    assert isinstance(batch, BatchModel)
    assert float(batch.loss(np.array([0, 1]), np.zeros((2, 3)))) == pytest.approx(0.9, abs=1e-5)  # the margin
    assert isinstance(pairs, PairModel)
    np.testing.assert_allclose(pairs.loss(np.array([0, 1]), np.zeros(2, np.float32)), [0.7**2 / 2, 0])


@pytest.mark.parametrize("distance", ["euclidean", "cosine", "manhattan"])
def test_the_towers_are_one_encoder(distance):
    keras.utils.set_random_seed(0)  # by chance, two of the images are as good as one to an untrained network
    model = build_model(settings("pairs", distance=distance), 1)
    apart = np.asarray(model((IMAGES[:4], IMAGES[4:]), training=False))
    np.testing.assert_allclose(model((IMAGES, IMAGES), training=False), 0, atol=2e-3)
    assert (apart > 0.01).all()
    np.testing.assert_allclose(model((IMAGES[4:], IMAGES[:4]), training=False), apart, atol=1e-5)
    encoder = sum(weight.shape.num_elements() for weight in model.encoder.trainable_variables)
    assert sum(weight.shape.num_elements() for weight in model.trainable_variables) == encoder


def test_the_pair_network_gives_the_distance_of_the_embeddings():
    model = build_model(settings("pairs"), 1)
    a, b = (np.asarray(model.encoder(side, training=False)) for side in (IMAGES[:4], IMAGES[4:]))
    np.testing.assert_allclose(
        model((IMAGES[:4], IMAGES[4:]), training=False), np.linalg.norm(a - b, axis=1), atol=1e-5
    )


def test_the_batch_network_gives_the_encoders_embeddings():
    model = build_model(settings("batch"), 1)
    np.testing.assert_allclose(model(IMAGES, training=False), model.encoder(IMAGES, training=False), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(model(IMAGES, training=False), axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("form", ["batch", "pairs"])
def test_images_are_distorted_in_training_alone(form):
    model = build_model(settings(form), 1)
    given = IMAGES if form == "batch" else (IMAGES[:4], IMAGES[4:])
    asked = [np.asarray(model(given, training=False)) for _ in range(2)]
    np.testing.assert_array_equal(*asked)
    # Batch normalisation alone would answer twice alike.
    trained = [np.asarray(model(given, training=True)) for _ in range(2)]
    assert np.abs(trained[0] - trained[1]).max() > 1e-3


@pytest.mark.parametrize("form", ["batch", "pairs"])
def test_training_pulls_genuine_pairs_together_and_pushes_impostors_apart(form):
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(1)
    centres = rng.normal(size=(2, 8, 8, 1))
    labels = np.repeat([0, 1], 8)
    images = (centres[labels] + 0.5 * rng.normal(size=(16, 8, 8, 1))).astype(np.float32)
    model = build_model(settings(form, margin=1.0), 100)
    a, b = np.triu_indices(16, k=1)
    x, y = (images, labels) if form == "batch" else ((images[a], images[b]), (labels[a] == labels[b]).astype(int))
    for _ in range(100):
        model.train_on_batch(x, y)
    embeddings = np.asarray(model.encoder(images, training=False))
    distance = np.linalg.norm(embeddings[a] - embeddings[b], axis=1)
    same = labels[a] == labels[b]
    assert distance[same].mean() < 0.5
    assert distance[~same].mean() > 0.8


def test_compiled_steps_learn_with_distortions_and_all():
    keras.utils.set_random_seed(0)
    given = settings("batch")
    training = given.training.model_copy(update={"xla": "on", "learning_rate": 0.01})
    model = build_model(given.model_copy(update={"training": training}), 40)
    assert model.jit_compile
    losses = [float(model.train_on_batch(IMAGES, np.repeat([0, 1], 4))) for _ in range(30)]
    assert np.mean(losses[-5:]) < 0.7 * losses[0]


@pytest.mark.parametrize(("name", "ends", "fill"), [("backbone", (0.0, 1.0), 0.5), ("cnn", None, 0.0)])
def test_the_distortions_have_the_scale_of_the_pixels(monkeypatch, name, ends, fill):
    def tiny(name, image, weights=None):
        inputs = keras.Input((image.height, image.width, 3))
        return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(inputs))

    monkeypatch.setattr(importlib.import_module("models.network.encoders.backbone"), "application", tiny)
    given = ModelSettings(
        image=ImageSettings(height=32, width=32, channels=3),
        encoder=EncoderSettings(name=name),
        augmentation=AugmentationSettings(preset="products"),
    )
    layers = build_model(given, 1).augmentation
    for layer in ("photometric", "erasing"):
        pixels = layers.get_layer(layer).step.pixels
        assert (pixels.ends, pixels.mean) == (ends, fill)
