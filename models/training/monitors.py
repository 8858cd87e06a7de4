"""Training monitors: stop a training that has diverged or collapsed."""

from typing import Any

import keras
import numpy as np

from models.errors import TrainingFailed

_COLLAPSED = 1e-3  # of the embeddings' own length


class TrainingMonitors(keras.callbacks.Callback):
    """Raises when a loss or a validation distance is not finite, or when all embeddings have collapsed to one point.

    List it after ``ValidationMonitor``, whose ``val_spread`` and distances it reads.

    Raises:
      TrainingFailed: at the end of the epoch in which it happened, of a collapse at the end of the next one: the
        weights of one epoch may be such that moving statistics do not fit them yet, while the network learns.
    """

    def __init__(self) -> None:
        super().__init__()
        self._collapsed = False

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        seen = logs or {}
        when = f"training failed in epoch {epoch + 1}"
        if not np.isfinite(seen["loss"]):
            raise TrainingFailed(f"{when}: the loss is not a finite number; try a lower training.learning_rate")
        if not np.isfinite([seen["val_genuine_distance"], seen["val_impostor_distance"]]).all():
            raise TrainingFailed(
                f"{when}: a validation distance is not a finite number; try a lower training.learning_rate"
            )
        before, self._collapsed = self._collapsed, seen["val_spread"] < _COLLAPSED
        if before and self._collapsed:
            raise TrainingFailed(
                f"{when}: the encoder has collapsed to one point (impostors are {seen['val_impostor_distance']:.2g} "
                "apart on the validation split); try a lower training.learning_rate, a longer training.warmup, "
                "or loss.name: contrastive"
            )
