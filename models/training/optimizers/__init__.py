"""What moves the weights: the optimiser, its learning rate, its weight decay."""

from typing import Any

import keras

from models.settings import TrainingSettings
from models.training.optimizers.muon import Muon
from models.training.schedules import build_schedule

_UNDECAYED = ["bias", "beta", "gamma", "threshold", "log_slope"]  # parts of the names of variables


def build_optimizer(training: TrainingSettings, total_steps: int) -> keras.optimizers.Optimizer:
    """The optimiser with its learning rate schedule over ``total_steps``.

    Weights decay; biases, the scales and shifts of norms, and a learned verdict do not (He et al. 2019, "Bag of
    tricks").
    """
    common: dict[str, Any] = {
        "learning_rate": build_schedule(training, total_steps),
        "global_clipnorm": training.clip_norm,
        "gradient_accumulation_steps": training.accumulate if training.accumulate > 1 else None,
    }
    if training.optimizer == "adam":
        return keras.optimizers.Adam(**common)
    optimizer: keras.optimizers.Optimizer
    if training.optimizer == "sgd":
        optimizer = keras.optimizers.SGD(
            momentum=training.momentum, weight_decay=training.weight_decay or None, **common
        )
    elif training.optimizer == "muon":
        optimizer = Muon(momentum=training.momentum or 0.0, weight_decay=training.weight_decay, **common)
    else:
        optimizer = keras.optimizers.AdamW(weight_decay=training.weight_decay, **common)
    optimizer.exclude_from_weight_decay(var_names=_UNDECAYED)
    return optimizer


def steps_taken(optimizer: keras.optimizers.Optimizer) -> int:
    """How many training steps the optimiser has seen; those that only accumulate gradients count too."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)  # of a loss-scaling one
    return int(inner._iterations.numpy())
