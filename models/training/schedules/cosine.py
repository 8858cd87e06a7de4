"""Cosine decay (Loshchilov and Hutter 2017)."""

from typing import Any, ClassVar

from models.network.lazy_keras import keras
from models.settings.interfaces import Schedule


class Cosine(Schedule):
    """The rate falls to 0 along half a cosine."""

    name: ClassVar[str] = "cosine"

    def build(self, rate: float, steps: int) -> Any:
        return keras.optimizers.schedules.CosineDecay(rate, steps)
