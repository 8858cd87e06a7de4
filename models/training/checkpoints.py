"""Checkpoints: the state of network, optimizer and early stopping, with which a stopped training continues.

Batches are a function of the step's number and random layers keep their seeds among the network's variables, so that
a resumed training takes the very steps that an unbroken one would have.
"""

import hashlib
import json
import logging
import shutil
import time
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from models.data.pairs_artifact import split_files
from models.errors import TrainingFailed, first_line
from models.settings.base import Affects, affecting
from models.settings.model import ModelSettings
from models.training.compiled_model import steps_taken

progress = logging.getLogger("siamese.progress")

_STATE, _BEFORE = "state.npz", "state.before.npz"  # the newest state, and the one before it
_STALE = 14 * 86400  # seconds after which a training counts as abandoned


def training_key(recipe: str, files: Iterable[str]) -> str:
    """SHA-256 of a training's recipe, which changes with settings and code, and the contents of the files it reads."""
    digest = hashlib.sha256(recipe.encode())
    for name in files:
        with tf.io.gfile.GFile(name, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def kept_in(config: dict[str, Any], patterns: Iterable[str], tuned: dict[str, Any] | None = None) -> Path | None:
    """The folder in which a training keeps its state; None where ``config`` names no ``checkpoints``.

    Its name depends on everything that shapes the weights, and on nothing else: with another ``calibration`` a finished
    training is calibrated again, and a stopped one continues with another ``training.join_minutes``.

    Args:
      config: the ``custom_config`` of ``run_fn``.
      patterns: of the pair shards of the splits, whose contents count.
      tuned: values that replace the recipe's.
    """
    if not config.get("checkpoints"):
        return None
    model = affecting(Affects.WEIGHTS, ModelSettings, config["model"])
    recipe = json.dumps([model, config["code_digest"], config.get("weights_digest"), tuned], sort_keys=True)
    files = [file for pattern in patterns for several in split_files(pattern) for file in several]
    return Path(config["checkpoints"]) / training_key(recipe, files)[:16]


class Stopping(keras.callbacks.EarlyStopping):
    """Early stopping that remembers from one ``fit`` to the next, and restores the best weights when asked to.

    A resumed training takes two calls: the rest of the epoch in which it was stopped, and the other epochs.
    """

    def __init__(self, monitor: str, patience: int) -> None:
        mode = "min" if monitor == "val_eer" else "max"
        super().__init__(monitor, mode=mode, patience=patience, restore_best_weights=True)
        super().on_train_begin()

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        del logs

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        del logs

    @property
    def spent(self) -> bool:
        """Whether it has waited as long as it may, so that the training stops."""
        return bool(self.wait >= self.patience)

    def restore_best(self, model: keras.Model) -> None:
        """Gives the model the weights of its best epoch, where there was one."""
        if self.best_weights is not None:
            model.set_weights(self.best_weights)


class Checkpoints(keras.callbacks.Callback):
    """Keeps the state of one training in a folder of its own (``kept_in``).

    At the end of each epoch, every few ``minutes`` of a long one, and when the training is interrupted. Of several
    hosts only the chief ``writes`` it. List it after ``stopping``, whose best weights and patience belong to the state.
    """

    def __init__(
        self, folder: Path, model: keras.Model, stopping: Stopping, minutes: float = 10.0, writes: bool = True
    ) -> None:
        super().__init__()
        self._writes, self._kept = writes, 0
        self._unevaluated: int | None = None  # the step at which this epoch ends and is evaluated
        self._seconds, self._saved, self._phase = minutes * 60, time.monotonic(), 0
        self._folder, self._network, self._stopping = folder, model, stopping
        _remove_stale(folder.parent)

    def phase(self) -> int:
        """The phase in which an earlier attempt was stopped; 0 where there was none."""
        state = self._read()
        return int(state["phase"]) if state else 0

    def restore(self, phase: int = 0) -> int:
        """Begins a phase with the state of an earlier attempt; returns how many of its steps are done already."""
        self._phase, state = phase, self._read()
        if not state or int(state["phase"]) != phase:
            return 0
        for number, variable in enumerate(self._variables()):
            variable.assign(state[f"variable{number}"])
        stopping = json.loads(str(state["stopping"]))
        best = [state[f"best{number}"] for number in range(stopping.pop("weights"))]
        for name, value in stopping.items():
            setattr(self._stopping, name, value)
        self._stopping.best_weights = best or None
        self._kept = self._steps()
        return self._kept

    def _read(self) -> dict[str, np.ndarray] | None:
        """The newest state that is not damaged; None where there is none."""
        for path in (self._folder / _STATE, self._folder / _BEFORE):
            if not path.exists():
                continue
            try:
                with zipfile.ZipFile(path) as archive:
                    damaged = archive.testzip()
                if damaged:
                    raise ValueError(f"checksum of {damaged}")
                with np.load(path) as file:
                    state = {name: file[name] for name in file.files}
                json.loads(str(state["stopping"]))
                int(state["phase"])
            except Exception as error:  # noqa: BLE001 - a damaged file can raise any class
                then = "the one before it is tried" if path.name == _STATE else "the training begins again"
                progress.info("%s: is damaged (%s); %s", path, first_line(error), then)
                if self._writes:
                    _removed(path)  # it must not become the one before the next
                continue
            return state
        return None

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        del epoch, logs
        self._unevaluated = self._steps() + int(self.params["steps"])

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        del epoch, logs
        self._unevaluated = None
        self.save()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        del batch, logs
        if time.monotonic() - self._saved > self._seconds:
            self.save()

    def save(self) -> None:
        """Writes the current state atomically; not between the end of an epoch and its evaluation."""
        if not self._writes or self._steps() == self._unevaluated:
            return
        early, best = self._stopping, self._stopping.best_weights or []
        stopping = {
            "wait": early.wait,
            "best": None if early.best is None else float(early.best),
            "best_epoch": early.best_epoch,
        }
        state = {
            "phase": np.array(self._phase),
            "stopping": np.array(json.dumps({**stopping, "weights": len(best)})),
            **{f"variable{number}": variable.numpy() for number, variable in enumerate(self._variables())},
            **{f"best{number}": weights for number, weights in enumerate(best)},
        }
        self._saved = time.monotonic()
        staging = self._folder / f".{_STATE}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with staging.open("wb") as file:
                np.savez(file, **state)
            if (self._folder / _STATE).exists():
                (self._folder / _STATE).replace(self._folder / _BEFORE)
            staging.replace(self._folder / _STATE)
        except OSError as error:  # the training needs no checkpoint, but to be continued
            progress.info("%s: no checkpoint of step %d: %s", self._folder, self._steps(), error)
            with suppress(OSError):
                staging.unlink(missing_ok=True)
            return
        self._kept = self._steps()

    @contextmanager
    def kept_when_stopped(self) -> Iterator[None]:
        """Saves when the training is interrupted: by Ctrl-C, or by a pod's SIGTERM."""
        try:
            yield
        except (KeyboardInterrupt, SystemExit):
            self.save()
            progress.info("stopped; the same run continues after %d steps", self._kept)
            raise
        except TrainingFailed:
            self.discard()  # it would fail again
            raise

    def discard(self) -> None:
        """Deletes the state of this training."""
        if self._writes:
            discard(self._folder)

    def _variables(self) -> list[Any]:
        network = self._network
        head = network.head.variables if network.head else []
        return [*network.encoder.variables, *head, *network.augmentation.variables, *network.optimizer.variables]

    def _steps(self) -> int:
        return steps_taken(self._network.optimizer)


def discard(folder: Path | None) -> None:
    """Deletes the state of the training in a folder, if there is one."""
    if folder:
        shutil.rmtree(folder, ignore_errors=True)


def _removed(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _remove_stale(root: Path) -> None:
    """Of trainings, and of the Tuner's searches, which are kept when they have ended: a longer one continues them."""
    for state in (*root.glob(f"*/{_STATE}"), *root.glob("trials-*/oracle.json")):
        if time.time() - state.stat().st_mtime > _STALE:
            shutil.rmtree(state.parent, ignore_errors=True)
