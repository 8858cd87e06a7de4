"""Stochastic gradient descent with momentum."""

from typing import Any, ClassVar

from pydantic import Field

from models.network.lazy_keras import keras
from models.settings.interfaces import Optimizer


class Sgd(Optimizer):
    """Keras's SGD."""

    name: ClassVar[str] = "sgd"
    rate: ClassVar[float] = 0.1

    weight_decay: float = Field(1e-4, ge=0, le=100, description="not of biases and norms")
    momentum: float = Field(0.9, ge=0, lt=1, description="share of past gradients in a step")

    def build(self, **common: Any) -> Any:
        return keras.optimizers.SGD(momentum=self.momentum, weight_decay=self.weight_decay or None, **common)
