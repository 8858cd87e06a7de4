"""The learning rate over the steps of a training, warm-up included."""

from typing import Any

import keras
from keras import ops

from models.network.lazy_keras import Tensor
from models.settings import TrainingSettings
from models.training.schedules import SCHEDULES


@keras.saving.register_keras_serializable("siamese")
class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """Another schedule, multiplied by (step + 1) / ``steps`` until that is 1 (Goyal et al. 2017).

    Args:
      schedule: the schedule that it multiplies.
      steps: how long the rise takes, at least 1.
    """

    def __init__(self, schedule: keras.optimizers.schedules.LearningRateSchedule, steps: int) -> None:
        self.schedule, self.steps = schedule, steps

    def __call__(self, step: Tensor) -> Tensor:
        risen = (ops.cast(step, "float32") + 1) / self.steps
        return ops.cast(self.schedule(step), "float32") * ops.minimum(risen, 1.0)

    def get_config(self) -> dict[str, Any]:
        return {"schedule": keras.saving.serialize_keras_object(self.schedule), "steps": self.steps}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "WarmUp":
        return cls(keras.saving.deserialize_keras_object(config["schedule"]), config["steps"])


def build_schedule(training: TrainingSettings, total_steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """The learning rate by the number of the step: that of ``training.schedule``, after a warm-up."""
    chosen = SCHEDULES.chosen(training.schedule, training)
    schedule = chosen.build(training.learning_rate, max(total_steps, 1))
    return WarmUp(schedule, training.warmup) if training.warmup else schedule
