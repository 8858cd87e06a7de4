"""Random distortions of training images: on the accelerator, fresh at every step, never stored."""

import keras

from models.network.augmentation.affine import RandomAffine
from models.network.augmentation.elastic import RandomElastic
from models.network.augmentation.erasing import RandomErasing
from models.network.augmentation.pixel_range import PixelRange
from models.network.augmentation.tone import RandomTone
from models.settings import AugmentationSettings

__all__ = ["PixelRange", "RandomAffine", "RandomElastic", "RandomErasing", "RandomTone", "build_augmentation"]

_NORMALISED = PixelRange()


def build_augmentation(
    settings: AugmentationSettings, seed: int, compiled: bool = False, pixels: PixelRange = _NORMALISED
) -> keras.Sequential:
    """The layers in front of the encoder while it trains; one that does nothing where nothing is switched on.

    Each layer draws from a generator of its own, so that switching one on leaves what the others draw as it was.
    ``compiled``: whether XLA compiles the step. ``pixels``: how the images come, so that a setting means the same of
    normalised ones and of a backbone's.
    """
    s = settings
    layers: list[keras.layers.Layer] = []
    if s.elastic:
        layers.append(RandomElastic(s.elastic, seed=seed + 1, dtype="float32", name="elastic"))
    if s.rotation or s.scale or s.crop or s.shear or s.translation or s.mirror:
        affine = (s.rotation, s.scale, s.crop, s.shear, s.translation, s.mirror)
        layers.append(RandomAffine(*affine, seed=seed, compiled=compiled, dtype="float32", name="affine"))
    if s.brightness or s.contrast:
        tone = (s.brightness * pixels.deviation, s.contrast, pixels.ends)
        layers.append(RandomTone(*tone, seed=seed + 2, dtype="float32", name="tone"))
    if s.erasing:
        layers.append(RandomErasing(s.erasing, pixels.mean, seed=seed + 3, dtype="float32", name="erasing"))
    return keras.Sequential(layers or [keras.layers.Identity(name="unchanged")], name="augmentation")
