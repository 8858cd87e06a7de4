import keras
import numpy as np
import pytest

from models.losses.contrastive import ContrastiveLoss, InBatchContrastiveLoss
from models.optimizers import build_optimizer
from models.settings import (
    AugmentationSettings,
    EncoderSettings,
    ImageSettings,
    LossSettings,
    ModelSettings,
    TrainingSettings,
)
from models.siamese import BatchModel, PairModel, build_model

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
    assert isinstance(batch.loss, InBatchContrastiveLoss)
    assert (batch.loss.margin, batch.loss.positive_margin, batch.loss.distance) == (0.9, 0.3, "euclidean")
    assert isinstance(pairs, PairModel)
    assert isinstance(pairs.loss, ContrastiveLoss)
    assert pairs.loss.margin == 0.7


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


def test_the_pair_network_tells_the_distance_of_the_embeddings():
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
    model = build_model(settings(form, margin=1.0), 40)
    a, b = np.triu_indices(16, k=1)
    x, y = (images, labels) if form == "batch" else ((images[a], images[b]), (labels[a] == labels[b]).astype(int))
    for _ in range(40):
        model.train_on_batch(x, y)
    embeddings = np.asarray(model.encoder(images, training=False))
    distance = np.linalg.norm(embeddings[a] - embeddings[b], axis=1)
    same = labels[a] == labels[b]
    assert distance[same].mean() < 0.5
    assert distance[~same].mean() > 0.8


@pytest.mark.parametrize(
    ("name", "kind"),
    [("adam", keras.optimizers.Adam), ("adamw", keras.optimizers.AdamW), ("sgd", keras.optimizers.SGD)],
)
def test_the_optimiser_is_the_one_named(name, kind):
    made = build_optimizer(TrainingSettings(optimizer=name, learning_rate=0.01, schedule="constant"), 10)
    assert type(made) is kind
    assert float(made.learning_rate) == pytest.approx(0.01)


def test_the_cosine_schedule_ends_at_zero():
    made = build_optimizer(TrainingSettings(optimizer="sgd", learning_rate=0.01, schedule="cosine"), 10)
    rates = [float(made._learning_rate(step)) for step in (0, 5, 10)]
    assert rates == pytest.approx([0.01, 0.005, 0.0])
