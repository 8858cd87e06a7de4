"""``run_fn`` of the TFX Trainer: load, build, fit, calibrate, export."""

import logging
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from models.addresses import is_address
from models.checksums import MODEL_FILE, write_checksums
from models.data.batches import Normalise, batches_of
from models.data.dataset import ImageTable, PairTable, read_images, read_pairs
from models.data.pairs_artifact import check_images, split_files
from models.data.preprocessing import Normalisation
from models.errors import TrainingFailed, UserError
from models.export import seen_images
from models.export.saved_model import ServedModel, export
from models.network.siamese import build_tower
from models.network.weight_files import check_unchanged
from models.settings import ModelSettings
from models.training.checkpoints import Checkpoints, Stopping, discard, kept_in
from models.training.compiled_model import build_model
from models.training.hardware import SharedStatistics, available_memory, distribution, once, precision_policy
from models.training.hosts.chief import FOLDER, train_with_workers
from models.training.hosts.cluster import hosts
from models.training.search_space import with_values
from models.training.steps import take_steps
from models.training.tensorboard import Board, augmented_images, write_projector
from models.training.validation import PairDistances, TrainingMonitors, ValidationMonitor
from models.verification.calibration import Calibration, calibrate, check_measurable

progress = logging.getLogger("siamese.progress")


def run_fn(fn_args: Any) -> None:
    """Trains on ``train``, stops and calibrates on ``val``, exports a SavedModel.

    Args:
      fn_args: ``tfx.components.FnArgs``. Its ``custom_config`` holds ``model`` (the fields of ``ModelSettings``),
        ``split``, ``config_digest`` and ``code_digest`` (for the model's manifest), and ``checkpoints``, a folder that
        outlives the run, or none: with it, a training that was stopped continues, until its model is exported.

    Raises:
      TrainingFailed: a loss or distance is no longer finite, or all embeddings have become one.
      UserError: ``TF_CONFIG`` is wrong, the scratch disk is too small, or pretrained weights have changed.

    Where ``TF_CONFIG`` names several hosts, each calls this with the same arguments, on folders that all of them see;
    the chief alone exports, and none returns before it has. Where ``custom_config`` names a folder ``hosts``, they
    find each other there, and train in processes of their own.
    """
    if fn_args.custom_config.get(FOLDER):
        train_with_workers(fn_args)
        return
    strategy = distribution()
    settings = ModelSettings.model_validate(fn_args.custom_config["model"])
    tuned = fn_args.hyperparameters["values"] if fn_args.hyperparameters else None
    if tuned:
        settings = with_values(settings, tuned)
    check_unchanged(settings.encoder.pretrained, fn_args.custom_config.get("weights_digest"))
    keras.utils.set_random_seed(settings.seed)
    if settings.training.deterministic:
        tf.config.experimental.enable_op_determinism()
    transform = tft.TFTransformOutput(fn_args.transform_output)
    patterns = (fn_args.train_files[0], fn_args.eval_files[0])
    with scratch_folder(fn_args.model_run_dir, patterns, settings) as scratch:
        train, val = (load_split(pattern, settings, scratch) for pattern in patterns)
        checkpoints = kept_in(fn_args.custom_config, patterns, tuned)
        encoder, calibration = fit(settings, Normalisation(transform), train, val, fn_args.model_run_dir, checkpoints)
    with once(strategy) as chief:
        if chief:
            served = ServedModel(encoder, transform, settings.loss.distance, calibration, settings.image)
            export(served, settings, calibration, fn_args)
            shown = [file for pattern in patterns for file in split_files(pattern)[1]]
            seen_images.write(fn_args.serving_model_dir, seen_images.keys_in(shown))
            write_checksums(Path(fn_args.serving_model_dir), Path(fn_args.serving_model_dir) / MODEL_FILE)
            discard(checkpoints)


@contextmanager
def scratch_folder(near: str, patterns: Iterable[str], settings: ModelSettings) -> Iterator[Path | None]:
    """A folder for the pixels of the splits, on the disk of the artifacts: the system's may be small, or memory.

    None where they are kept in memory (``training.in_memory``).

    Raises:
      UserError: they do not fit.
    """
    where = settings.training.in_memory
    need = sum(tf.io.gfile.stat(file).length for pattern in patterns for file in split_files(pattern)[1])
    if where == "on" or (where == "auto" and 4 * need <= available_memory()):
        yield None
        return
    local = None if is_address(near) else near
    with tempfile.TemporaryDirectory(prefix=".pixels-", dir=local) as folder:
        free = shutil.disk_usage(folder).free
        if free < need:
            raise UserError(
                f"{folder}: training needs {need / 1e9:.1f} GB beside the artifacts, {free / 1e9:.1f} GB are free",
                code="train-disk-full",
            )
        yield Path(folder)


def load_split(pattern: str, settings: ModelSettings, scratch: Path | None) -> tuple[ImageTable, PairTable]:
    """The images and pairs of the split whose pair shards match ``pattern``."""
    pair_files, image_files = split_files(pattern)
    check_images(pattern)
    images = read_images(image_files, settings.image, scratch)
    return images, read_pairs(pair_files, images)


def fit(
    settings: ModelSettings,
    normalise: Normalise,
    train: tuple[ImageTable, PairTable],
    val: tuple[ImageTable, PairTable],
    log_dir: str,
    checkpoints: Path | None = None,
    more: Sequence[keras.callbacks.Callback] = (),
    pictured: bool = True,
) -> tuple[keras.Model, Calibration]:
    """The trained encoder (float32, best epoch by ``training.stop_on``) and its calibration.

    Args:
      settings: the recipe.
      normalise: the graph of Transform.
      train: what the weights are fitted to.
      val: what stops the training and calibrates the distance.
      log_dir: for TensorBoard.
      checkpoints: a folder of this training alone, with the state of one that was stopped. It is kept when this
        returns, in case the export fails; ``discard`` it after that.
      more: callbacks that come after the monitors and early stopping.
      pictured: whether it draws augmented training images.
    """
    training = settings.training
    check_measurable(settings.calibration, val[1].same)  # before the training, not after it
    batches, strategy = batches_of(settings, *train), distribution()
    if strategy.num_replicas_in_sync > batches.most_parts:
        raise UserError(
            f"training.batch: a step can be shared by {batches.most_parts} devices at most, here are "
            f"{strategy.num_replicas_in_sync}: each needs two identities (form: batch), or a pair",
            code="train-batch-too-small",
        )
    steps = training.steps_per_epoch or batches.steps_per_epoch
    total = training.epochs * steps
    with precision_policy(training.mixed_precision), strategy.scope():
        model = build_model(settings, total)
    distances = PairDistances(model.encoder, normalise, settings.loss.distance, *val)
    same = val[1].same
    stopping = Stopping(f"val_{training.stop_on}", training.patience)
    monitor, logs = ValidationMonitor(distances, same, training.epochs), Path(log_dir)
    shown = training.tensorboard if hosts().chief else "none"
    callbacks = [
        *([SharedStatistics(model.encoder, strategy)] if strategy.num_replicas_in_sync > 1 else []),
        keras.callbacks.TerminateOnNaN(),
        monitor,
        TrainingMonitors(),
        stopping,
        *more,
    ]
    if shown != "none":
        callbacks.append(Board(logs, monitor, distances, same, training.histogram_epochs if shown == "all" else 0))
    if pictured and hosts().chief:
        augmented_images(settings, batches, normalise, logs, board=shown == "all")
    kept = None
    if checkpoints:
        kept = Checkpoints(checkpoints, model, stopping, training.checkpoint_minutes, hosts().chief)
    with kept.kept_when_stopped() if kept else nullcontext():
        take_steps(model, settings, batches, normalise, steps, callbacks, stopping, kept)
    stopping.restore_best(model)
    encoder = _in_float32(model.encoder, settings)
    try:
        distances = PairDistances(encoder, normalise, settings.loss.distance, *val)
        embeddings = distances.embeddings()
        distance = distances.of(embeddings)
        calibration = calibrate(same, distance, settings.calibration)
    except ValueError as error:
        raise TrainingFailed(f"training failed: {error}", "train-not-calibrated") from None
    if shown == "all":
        write_projector(logs, val[0], distances.rows, embeddings)
    progress.info("threshold %.4f from %d validation pairs", calibration.threshold, len(same))
    return encoder, calibration


def _in_float32(encoder: keras.Model, settings: ModelSettings) -> keras.Model:
    """The same encoder computing in float32: what a mixed-precision training exports runs on any server."""
    if not np.isfinite(np.concatenate([np.ravel(weights) for weights in encoder.get_weights()])).all():
        raise TrainingFailed(
            "training failed: a weight is not a finite number; try a lower training.learning_rate", "train-not-finite"
        )
    exported = build_tower(settings)
    exported.set_weights(encoder.get_weights())
    return exported
