"""Muon (Jordan 2024, kellerjordan.github.io/posts/muon): updates of matrices whose directions all weigh the same.

Of Keras's own, 3.12's fails under TensorFlow (its ``update_step`` looks for the path of a variable that has none), and
all leave convolutions out.
"""

import math
from functools import cache
from typing import Any, ClassVar

from pydantic import Field

from models.network.lazy_keras import Tensor, keras, ops
from models.settings.interfaces import Optimizer

_STEPS = 5
_LARGEST = 1024  # rows or columns, whichever are fewer: the cost of an update grows with the square of them
_A, _B, _C = 3.4445, -4.7750, 2.0315  # Jordan's: singular values from 0.002 up end between 0.7 and 1.2


class Muon(Optimizer):
    """AdamW, but that kernels move along their momentum with its singular values made equal.

    The kernel of a convolution is the matrix [height * width * channels, filters] (Jordan et al. 2024). An update is as
    long as one of Adam's, so that rates and decay are of the same size (Liu et al. 2025, "Muon is scalable for LLM
    training", eq. 4). What is no matrix, or one of a single row or column, moves as in AdamW; so does one of more than
    1,024 rows and columns, for which an update takes longer than all else in a step.
    """

    name: ClassVar[str] = "muon"
    rate: ClassVar[float] = 0.01

    weight_decay: float = Field(1e-4, ge=0, le=100, description="not of biases and norms")
    momentum: float = Field(0.95, ge=0, lt=1, description="share of past gradients in a step")

    def build(self, **common: Any) -> Any:
        return keras_muon()(momentum=self.momentum, weight_decay=self.weight_decay, **common)


@cache
def keras_muon() -> Any:
    """The optimizer as a class of Keras's, made at its first use."""

    @keras.saving.register_keras_serializable("siamese")
    class KerasMuon(keras.optimizers.AdamW):
        """See ``Muon``; ``momentum`` is Nesterov's, of the gradients of matrices."""

        def __init__(self, momentum: float = 0.95, name: str = "muon", **kwargs: Any) -> None:
            super().__init__(name=name, **kwargs)
            self.momentum = momentum

        def update_step(self, gradient: Tensor, variable: Any, learning_rate: Tensor) -> None:
            rows, columns = math.prod(variable.shape[:-1]), variable.shape[-1] if len(variable.shape) else 1
            if not 2 <= min(rows, columns) <= _LARGEST:
                super().update_step(gradient, variable, learning_rate)
                return
            rate, gradient = ops.cast(learning_rate, variable.dtype), ops.cast(gradient, variable.dtype)
            moment = self._momentums[self._get_variable_index(variable)]
            self.assign(moment, moment * self.momentum + gradient)
            ahead = ops.reshape(gradient + moment * self.momentum, (rows, columns))
            step = ops.reshape(orthogonal(ahead), variable.shape)
            self.assign_sub(variable, rate * 0.2 * math.sqrt(max(rows, columns)) * step)

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "momentum": self.momentum}

    return KerasMuon


def orthogonal(matrix: Tensor) -> Tensor:
    """[rows, columns] -> the same with all singular values near 1, by a quintic Newton-Schulz iteration."""
    x = ops.transpose(matrix) if matrix.shape[0] > matrix.shape[1] else matrix
    x = x / (ops.norm(x) + 1e-7)
    for _ in range(_STEPS):
        square = ops.matmul(x, ops.transpose(x))
        x = _A * x + ops.matmul(_B * square + _C * ops.matmul(square, square), x)
    return ops.transpose(x) if matrix.shape[0] > matrix.shape[1] else x
