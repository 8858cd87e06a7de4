"""Adam, and AdamW with decoupled weight decay (Loshchilov and Hutter 2019)."""

from typing import Any, ClassVar

from pydantic import Field

from models.network.lazy_keras import keras
from models.settings.interfaces import Optimizer


class Adam(Optimizer):
    """Keras's Adam, without weight decay."""

    name: ClassVar[str] = "adam"
    rate: ClassVar[float] = 2e-3

    def build(self, **common: Any) -> Any:
        return keras.optimizers.Adam(**common)


class AdamW(Optimizer):
    """Keras's AdamW."""

    name: ClassVar[str] = "adamw"
    rate: ClassVar[float] = 2e-3

    weight_decay: float = Field(1e-4, ge=0, le=100, description="not of biases and norms")

    def build(self, **common: Any) -> Any:
        return keras.optimizers.AdamW(weight_decay=self.weight_decay, **common)
