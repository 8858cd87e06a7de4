"""Random distortions of training images: on the accelerator, fresh at every step, never stored."""

import keras

from models.augmentation.affine import RandomAffine
from models.augmentation.elastic import RandomElastic
from models.augmentation.erasing import RandomErasing
from models.augmentation.tone import RandomTone
from models.settings import AugmentationSettings

__all__ = ["RandomAffine", "RandomElastic", "RandomErasing", "RandomTone", "build_augmentation"]


def build_augmentation(settings: AugmentationSettings, seed: int, compiled: bool = False) -> keras.Sequential:
    """The layers in front of the encoder while it trains; one that does nothing where nothing is switched on.

    Each layer draws from a generator of its own, so that switching one on leaves what the others draw as it was.
    ``compiled``: whether XLA compiles the step.
    """
    s = settings
    layers: list[keras.layers.Layer] = []
    if s.elastic:
        layers.append(RandomElastic(s.elastic, seed=seed + 1, dtype="float32", name="elastic"))
    if s.rotation or s.scale or s.crop or s.shear or s.translation or s.mirror:
        affine = (s.rotation, s.scale, s.crop, s.shear, s.translation, s.mirror)
        layers.append(RandomAffine(*affine, seed=seed, compiled=compiled, dtype="float32", name="affine"))
    if s.brightness or s.contrast:
        layers.append(RandomTone(s.brightness, s.contrast, seed=seed + 2, dtype="float32", name="tone"))
    if s.erasing:
        layers.append(RandomErasing(s.erasing, seed=seed + 3, dtype="float32", name="erasing"))
    return keras.Sequential(layers or [keras.layers.Identity(name="unchanged")], name="augmentation")
