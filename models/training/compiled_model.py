"""The network that a configuration describes, with its loss and its optimizer, ready to be fitted."""

import keras

from models.network.augmentation import PixelRange, build_augmentation
from models.network.encoders.pretrained import load_pretrained
from models.network.losses import LearnedVerdict, build_loss
from models.network.siamese import BatchModel, PairModel, build_tower
from models.settings import ModelSettings
from models.settings.margins import scale
from models.training.hardware import compiled_steps
from models.training.optimizers import build_optimizer


def build_model(settings: ModelSettings, total_steps: int) -> keras.Model:
    """The network that ``settings`` describes, compiled; its ``encoder`` attribute is what will serve."""
    encoder = build_tower(settings)
    compiled = compiled_steps(settings.training.xla)
    pixels = PixelRange.of(settings.encoder)
    augmentation = build_augmentation(settings.augmentation, settings.seed, compiled, pixels)
    loss = settings.loss
    network = BatchModel if loss.form == "batch" else PairModel
    verdict = None
    if loss.name == "binary_cross_entropy":
        verdict = LearnedVerdict(scale(loss.distance, settings.encoder), dtype="float32", name="verdict")
        verdict.build((None,))  # its variables are there before the first step, for a checkpoint to fill
    model: keras.Model = network(encoder, augmentation, loss.distance, verdict)
    load_pretrained(encoder, settings.image, settings.encoder)
    model.compile(
        optimizer=build_optimizer(settings.training, total_steps),
        loss=build_loss(loss),
        jit_compile=compiled,
    )
    model.optimizer.build(model.fitted())
    return model
