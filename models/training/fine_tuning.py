"""The phases of a training: a backbone is frozen at first, and then trains along, more slowly."""

from dataclasses import dataclass

import keras

from models.network.encoders.backbone import BACKBONE, Backbone
from models.settings import ModelSettings
from models.training.optimizers import build_optimizer


@dataclass(frozen=True)
class Phase:
    """Some epochs under one optimizer.

    Attributes:
      first: number of its first epoch.
      last: number of the epoch after its last.
      rate: what the learning rate is multiplied by.
      backbone_trains: whether a backbone's weights move.
    """

    first: int
    last: int
    rate: float = 1.0
    backbone_trains: bool = True


def phases(settings: ModelSettings) -> list[Phase]:
    """The phases of a training of ``settings``; one phase where no backbone is frozen at first."""
    epochs, encoder = settings.training.epochs, settings.encoder.chosen
    if not isinstance(encoder, Backbone) or not encoder.frozen_epochs or not epochs:
        return [Phase(0, epochs)]
    head = Phase(0, min(encoder.frozen_epochs, epochs), backbone_trains=False)
    rest = Phase(head.last, epochs, encoder.fine_tune_rate)
    return [head, rest] if rest.first < rest.last else [head]


def enter(model: keras.Model, settings: ModelSettings, phase: Phase, steps_per_epoch: int) -> None:
    """Prepares ``model`` for a phase: what trains, and a new optimizer with a schedule over the phase's own steps."""
    if isinstance(encoder := settings.encoder.chosen, Backbone):
        encoder.set_trainable(model.encoder.get_layer(BACKBONE), phase.backbone_trains)
    training = settings.training.model_copy(update={"learning_rate": settings.training.learning_rate * phase.rate})
    with model.distribute_strategy.scope():
        model.compile(
            optimizer=build_optimizer(training, (phase.last - phase.first) * steps_per_epoch),
            loss=model.loss,
            jit_compile=model.jit_compile,
        )
        model.optimizer.build(model.trained_variables())
    model.stop_training = False
