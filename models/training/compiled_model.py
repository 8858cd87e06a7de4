"""The network that a configuration describes, with its loss and its optimizer, ready to be fitted."""

import keras

from models.network.augmentation import build_augmentation
from models.network.losses import build_loss
from models.network.pretrained import load_pretrained
from models.network.siamese import BatchModel, PairModel, build_tower
from models.settings import ModelSettings
from models.training.hardware import compiled_steps
from models.training.optimizers import build_optimizer


def build_model(settings: ModelSettings, total_steps: int) -> keras.Model:
    """The network that ``settings`` describes, compiled; its ``encoder`` attribute is what will serve."""
    encoder = build_tower(settings)
    compiled = compiled_steps(settings.training.xla)
    augmentation = build_augmentation(
        settings.augmentation, settings.seed, compiled, settings.encoder.chosen.pixel_range
    )
    loss = settings.loss
    network = BatchModel if loss.form == "batch" else PairModel
    head = loss.chosen.head(loss.scale(settings.encoder))
    model: keras.Model = network(encoder, augmentation, loss.distance, head)
    load_pretrained(encoder, settings.image, settings.encoder)
    model.compile(
        optimizer=build_optimizer(settings.training, total_steps),
        loss=build_loss(loss),
        jit_compile=compiled,
    )
    model.optimizer.build(model.trained_variables())
    return model
