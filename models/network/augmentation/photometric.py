"""Brightness and contrast: the same thing in another light."""

from typing import ClassVar

from pydantic import Field

from models.network.lazy_keras import Tensor, ops
from models.settings.interfaces import Augmentation, Step


class Photometric(Augmentation):
    """Brightens or darkens each image, and strengthens or weakens its contrast.

    A number is added to all pixels, and the deviations from the image's own mean are multiplied. No pixel goes beyond
    black and white, where the scale of the pixels has them.
    """

    name: ClassVar[str] = "photometric"
    order: ClassVar[int] = 3

    brightness: float = Field(
        0.0,
        ge=0,
        le=10,
        description="standard deviations of the training pixels, either way; with a backbone a quarter of white",
    )
    contrast: float = Field(0.0, ge=0, lt=1, description="0.2 multiplies by 0.8 to 1.2")

    def distort(self, images: Tensor, step: Step) -> Tensor:
        shape = (ops.shape(images)[0], 1, 1, 1)
        brightness = self.brightness * step.pixels.deviation
        added, factor = (step.uniform(shape, -bound, bound) for bound in (brightness, self.contrast))
        mean = ops.mean(images, axis=(1, 2, 3), keepdims=True)
        changed = images + added + factor * (images - mean)
        return ops.clip(changed, *step.pixels.ends) if step.pixels.ends else changed
