"""The network that a configuration describes, with its loss, optimizer and learning rate, ready to be fitted."""

from typing import Any

import keras
from keras import ops

from models.network.augmentation import build_augmentation
from models.network.lazy_keras import Tensor
from models.network.losses import build_loss
from models.network.pretrained import load_pretrained
from models.network.siamese import BatchModel, PairModel, build_tower
from models.settings import ModelSettings, TrainingSettings
from models.training.hardware import compiled_steps
from models.training.optimizers import OPTIMIZERS
from models.training.schedules import SCHEDULES

_UNDECAYED = ["bias", "beta", "gamma", "threshold", "log_slope"]  # parts of the names of variables


def build_model(settings: ModelSettings, total_steps: int) -> keras.Model:
    """The network that ``settings`` describes, compiled; its ``encoder`` attribute is what will serve."""
    encoder = build_tower(settings)
    compiled = compiled_steps(settings.training.xla)
    pixels, loss = settings.encoder.chosen.pixel_range, settings.loss
    augmentation = build_augmentation(settings.augmentation, settings.seed, compiled, pixels)
    network = BatchModel if loss.form == "batch" else PairModel
    head = loss.chosen.head(loss.scale(settings.encoder))
    model: keras.Model = network(encoder, augmentation, loss.distance, head)
    load_pretrained(encoder, settings.image, settings.encoder)
    optimizer = build_optimizer(settings.training, total_steps)
    model.compile(optimizer=optimizer, loss=build_loss(loss), jit_compile=compiled)
    model.optimizer.build(model.trained_variables())
    return model


def build_optimizer(training: TrainingSettings, total_steps: int) -> Any:
    """The ``keras.optimizers.Optimizer`` with its learning rate schedule over ``total_steps``.

    Weights decay; biases, the scales and shifts of norms, and the learned logit of a pair do not (He et al. 2019, "Bag
    of tricks").
    """
    optimizer = OPTIMIZERS.chosen(training.optimizer, training).build(
        learning_rate=build_schedule(training, total_steps),
        global_clipnorm=training.clip_norm,
        gradient_accumulation_steps=training.accumulate if training.accumulate > 1 else None,
    )
    optimizer.exclude_from_weight_decay(var_names=_UNDECAYED)
    return optimizer


def steps_taken(optimizer: Any) -> int:
    """How many training steps the optimizer has seen; those that only accumulate gradients count too."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)  # of a loss-scaling one
    return int(inner._iterations.numpy())


@keras.saving.register_keras_serializable("siamese")
class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """Another schedule, multiplied by (step + 1) / ``steps`` until that is 1 (Goyal et al. 2017)."""

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
