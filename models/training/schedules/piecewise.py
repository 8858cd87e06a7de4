"""Piecewise constant learning rates."""

from typing import Annotated, Any, ClassVar

from pydantic import Field

from models.network.lazy_keras import keras
from models.settings.interfaces import Schedule

_DROP = 0.1


class Constant(Schedule):
    """The same rate throughout."""

    name: ClassVar[str] = "constant"

    def build(self, rate: float, steps: int) -> Any:
        return keras.optimizers.schedules.PiecewiseConstantDecay([steps], [rate, rate])


class StepDecay(Schedule):
    """The rate falls to a tenth after each of some shares of the training."""

    name: ClassVar[str] = "step"

    drops: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = Field(
        (0.6, 0.85), description="shares of all steps after which the rate falls to a tenth"
    )

    def build(self, rate: float, steps: int) -> Any:
        if not self.drops:
            return Constant().build(rate, steps)
        after = [round(share * steps) for share in sorted(self.drops)]
        return keras.optimizers.schedules.PiecewiseConstantDecay(
            after, [rate * _DROP**number for number in range(len(after) + 1)]
        )
