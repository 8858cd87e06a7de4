"""Augmentations: a module each, registered by its place here. Random at every step, never stored."""

from typing import TYPE_CHECKING

from models.network.lazy_keras import Model, keras
from models.settings.interfaces import Augmentation, PixelRange
from models.settings.registry import Registry

if TYPE_CHECKING:
    from models.settings.augmentation import AugmentationSettings

AUGMENTATIONS = Registry(__name__, Augmentation)


def build_augmentation(
    settings: "AugmentationSettings", seed: int, compiled: bool = False, pixels: PixelRange | None = None
) -> Model:
    """The layers in front of the encoder while it trains: [n, height, width, channels] -> the same.

    Each draws from a generator of its own, so that the others draw the same whether it is on or off. A setting means
    the same on each scale of ``pixels``; None: normalised.
    """
    from models.network.layers import RandomDistortion

    layers = [
        RandomDistortion(one, seed + one.order, pixels, compiled, dtype="float32", name=one.name)
        for one in settings.chosen
    ]
    return keras.Sequential(layers or [keras.layers.Identity(name="unchanged")], name="augmentation")
