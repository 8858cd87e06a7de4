import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.network.encoders import ENCODERS, build_encoder
from models.settings import EncoderSettings, ImageSettings, ModelSettings, TrainingSettings
from models.training.compiled_model import build_model

SMALL = {
    "cnn": {"filters": (4, 6)},
    "koch2015": {"embedding": 16},
    "residual": {"filters": (4, 6), "blocks": 2},
    "compact": {"filters": (4, 6), "blocks": 2},
    "backbone": {"backbone": "MobileNetV2"},
}
every_encoder = pytest.mark.parametrize("name", ENCODERS)


def image(side: int = 32, channels: int = 1) -> ImageSettings:
    return ImageSettings(height=side, width=side + 8, channels=channels)


def built(name: str, side: int = 32, channels: int = 1, **given) -> keras.Model:
    settings = {"name": name, "embedding": 16, **SMALL[name], **given}
    return build_encoder(image(side, channels), EncoderSettings(**settings))


def pixels(count: int = 3, side: int = 32, channels: int = 1) -> np.ndarray:
    return np.random.default_rng(0).uniform(size=(count, side, side + 8, channels)).astype(np.float32)


@every_encoder
@pytest.mark.parametrize("channels", [1, 3])
def test_images_become_embeddings_on_the_unit_sphere(name, channels):
    encoder, images = built(name, channels=channels, unit_norm=True), pixels(channels=channels)
    encoder(images, training=True)  # moving statistics know nothing before
    embeddings = np.asarray(encoder(images, training=False))
    assert embeddings.shape == (3, 16)
    assert embeddings.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)
    assert np.abs(embeddings[0] - embeddings[1]).max() > 1e-6


@every_encoder
def test_lengths_are_free_where_they_are_asked_to_be(name):
    lengths = np.linalg.norm(built(name, unit_norm=False)(pixels(), training=False), axis=1)
    assert np.abs(lengths - 1).max() > 1e-3


@every_encoder
def test_every_weight_that_trains_is_reached(name):
    keras.utils.set_random_seed(1)
    encoder = built(name, dropout=0.0)
    weights = encoder.trainable_variables
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(encoder(pixels(), training=True) * np.arange(16, dtype=np.float32))
    gradients = tape.gradient(loss, [weight.value for weight in weights])
    assert not [weight.path for weight, gradient in zip(weights, gradients, strict=True) if gradient is None]


@every_encoder
def test_names_do_not_depend_on_what_was_built_before(name):
    one, again = (json.loads(built(name).to_json())["config"] for _ in range(2))
    assert one == again


@every_encoder
def test_mixed_precision_gives_single_precision_embeddings(name):
    with_policy = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    try:
        encoder = built(name)
    finally:
        keras.mixed_precision.set_dtype_policy(with_policy)
    assert keras.backend.standardize_dtype(encoder(pixels(), training=False).dtype) == "float32"
    assert "bfloat16" in {layer.compute_dtype for layer in encoder.layers}


@every_encoder
def test_each_trains_in_the_siamese_network(name):
    keras.utils.set_random_seed(0)
    small = {"backbone": "VGG16"} if name == "backbone" else SMALL[name]
    encoder = EncoderSettings(**{"name": name, "embedding": 16, "dropout": 0.0, **small})
    training = TrainingSettings(learning_rate=1e-4 if name == "backbone" else 2e-3)
    model = build_model(ModelSettings(image=image(), encoder=encoder, training=training), 6)
    losses = [float(model.train_on_batch(pixels(8), np.repeat([0, 1], 4))) for _ in range(6)]
    assert np.isfinite(losses).all()
    assert min(losses[1:]) < losses[0]


@pytest.mark.parametrize("name", sorted(set(ENCODERS) - {"backbone"}))
def test_each_of_our_own_trains_compiled_by_xla(name):
    encoder = built(name, side=16)

    @tf.function(jit_compile=True)
    def gradients(images):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(encoder(images, training=True) * np.arange(16, dtype=np.float32))
        return tape.gradient(loss, [weight.value for weight in encoder.trainable_variables])

    assert all(np.isfinite(one).all() for one in gradients(pixels(side=16)))


def test_large_images_go_through_koch_unpadded_as_in_the_paper():
    encoder = build_encoder(ImageSettings(height=105, width=105), EncoderSettings(name="koch2015"))
    assert encoder.get_layer("conv_4").output.shape[1:] == (6, 6, 256)
    assert encoder.get_layer("embedding").activation is keras.activations.sigmoid
    assert encoder.output.shape[1:] == (4096,)


def test_more_blocks_are_deeper_and_stages_halve():
    shallow, deep = (built("residual", blocks=blocks) for blocks in (1, 3))
    assert len(deep.layers) > len(shallow.layers)
    assert deep.get_layer("add_1_3").output.shape[1:] == (16, 20, 4)
    assert deep.get_layer("add_2_3").output.shape[1:] == (8, 10, 6)


@pytest.mark.parametrize("name", [name for name in ENCODERS if name != "backbone"])
def test_no_encoder_has_the_convolution_that_onednn_computes_past_its_memory(name):
    """1x1 with a stride, of fewer than 16 channels: see ``models.network.encoders.residual``."""
    convolutions = [layer for layer in built(name).layers if type(layer) is keras.layers.Conv2D]
    assert convolutions
    assert not [
        layer.name
        for layer in convolutions
        if layer.kernel_size == (1, 1) and layer.strides != (1, 1) and layer.kernel.shape[2] < 16
    ]
