"""Optimizers: a module each, registered by lying here."""

from typing import TYPE_CHECKING, Any

from models.settings.interfaces import Optimizer
from models.settings.registry import Registry

if TYPE_CHECKING:
    from models.settings.training import TrainingSettings

OPTIMIZERS = Registry(__name__, Optimizer)

_UNDECAYED = ["bias", "beta", "gamma", "threshold", "log_slope"]  # parts of the names of variables


def build_optimizer(training: "TrainingSettings", total_steps: int) -> Any:
    """The ``keras.optimizers.Optimizer`` with its learning rate schedule over ``total_steps``.

    Weights decay; biases, the scales and shifts of norms, and the learned logit of a pair do not (He et al. 2019, "Bag
    of tricks").
    """
    from models.training.learning_rate import build_schedule

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
