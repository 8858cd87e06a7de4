"""TensorBoard's HParams: the tuned values of each trial and its metrics."""

from collections.abc import Mapping
from pathlib import Path

import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams


def write_trial(folder: Path, values: Mapping[str, float], metrics: Mapping[str, float]) -> None:
    """Writes one trial.

    Args:
      folder: of this trial's logs; HParams compares all below the folder that TensorBoard is started on.
      values: the tuned values, by name.
      metrics: of the trial, by name.
    """
    with tf.summary.create_file_writer(str(folder)).as_default():
        hparams.hparams(dict(values), trial_id=folder.parent.name)
        for name, value in metrics.items():
            tf.summary.scalar(name, value, step=0)
