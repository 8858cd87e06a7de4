"""The steps of a training, through all its phases and from wherever it was stopped.

A backbone may be frozen in a first phase, and then trains along, more slowly.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from models.data.batches import Batches, Normalise, Share, batch_dataset
from models.network.encoders.backbone import BACKBONE, Backbone
from models.settings import ModelSettings
from models.training.checkpoints import Checkpoints, Stopping
from models.training.compiled_model import build_optimizer

progress = logging.getLogger("siamese.progress")


@dataclass(frozen=True)
class Phase:
    """Some epochs under one optimizer: ``first`` to the one before ``last``."""

    first: int
    last: int
    rate: float = 1.0  # what the learning rate is multiplied by
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
        optimizer = build_optimizer(training, (phase.last - phase.first) * steps_per_epoch)
        model.compile(optimizer=optimizer, loss=model.loss, jit_compile=model.jit_compile)
        model.optimizer.build(model.trained_variables())
    model.stop_training = False


def take_steps(
    model: keras.Model,
    settings: ModelSettings,
    batches: Batches,
    normalise: Normalise,
    steps: int,
    callbacks: list[keras.callbacks.Callback],
    stopping: Stopping,
    kept: Checkpoints | None,
) -> None:
    """Trains through all phases, ``steps`` an epoch, from where it was stopped; one that had ended takes none."""
    reached = kept.phase() if kept else 0
    for number, phase in list(enumerate(phases(settings)))[reached:]:
        if number or not phase.backbone_trains:
            enter(model, settings, phase, steps)
        done = kept.restore(number) if kept else 0
        if number and not done:
            stopping.restore_best(model)
            stopping.wait = 0
        if done:
            done = (phase.last - phase.first) * steps if stopping.spent else done
            _tell(phase, settings, done, steps)
        for epochs, per_epoch in _spans(phase, done, steps):
            if model.stop_training:
                break
            taken = range(epochs.stop * steps - len(epochs) * per_epoch, epochs.stop * steps)
            model.fit(
                _distributed(model.distribute_strategy, batches, taken, normalise),
                initial_epoch=epochs.start,
                epochs=epochs.stop,
                steps_per_epoch=per_epoch,
                callbacks=[*callbacks, kept] if kept else callbacks,
                shuffle=False,  # batches come in their order
                verbose=0,
            )


def _tell(phase: Phase, settings: ModelSettings, done: int, steps: int) -> None:
    """Logs where a training continues that was stopped after so many steps of a phase."""
    (epoch, begun), epochs = divmod(done, steps), settings.training.epochs
    if phase.first + epoch == epochs:
        progress.info("continues after its last epoch: no step is left to take")
    else:
        progress.info("continues from epoch %d/%d, step %d of %d", phase.first + epoch + 1, epochs, begun, steps)


def _distributed(strategy: tf.distribute.Strategy, batches: Batches, steps: range, normalise: Normalise) -> Any:
    """The batches of the ``steps``; where there are several replicas, a part for each: Keras would cut identities."""
    replicas: int = strategy.num_replicas_in_sync
    if replicas == 1:
        return batch_dataset(batches, steps, normalise)

    def of_host(context: tf.distribute.InputContext) -> tf.data.Dataset:
        here = replicas // context.num_input_pipelines
        return batch_dataset(batches, steps, normalise, Share(context.input_pipeline_id * here, here, replicas))

    return strategy.distribute_datasets_from_function(of_host)


def _spans(phase: Phase, done: int, steps: int) -> Iterator[tuple[range, int]]:
    """(epochs, steps of each): the rest of the epoch in which a phase was stopped, if it was, and all its others."""
    whole, begun = divmod(done, steps)
    epoch = phase.first + whole
    if begun:
        yield range(epoch, epoch + 1), steps - begun
        epoch += 1
    if epoch < phase.last:
        yield range(epoch, phase.last), steps
