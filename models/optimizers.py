"""What moves the weights: the optimiser and its learning rate over the steps."""

import keras

from models.settings import TrainingSettings


def build_optimizer(training: TrainingSettings, total_steps: int) -> keras.optimizers.Optimizer:
    """The optimiser with its learning rate schedule over ``total_steps``."""
    rate: float | keras.optimizers.schedules.LearningRateSchedule = training.learning_rate
    if training.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(training.learning_rate, max(total_steps, 1))
    if training.optimizer == "sgd":
        return keras.optimizers.SGD(rate, momentum=training.momentum)
    if training.optimizer == "adam":
        return keras.optimizers.Adam(rate)
    return keras.optimizers.AdamW(rate, weight_decay=training.weight_decay)
