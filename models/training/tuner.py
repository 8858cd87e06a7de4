"""``tuner_fn`` of the TFX Tuner: trials with tuned values; the Trainer takes those of the best."""

import json
import logging
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from keras_tuner.errors import FailedTrialError, FatalError
from tfx.components.tuner.component import TunerFnResult

from models.data.preprocessing import Normalisation
from models.errors import TrainingFailed, UserError
from models.settings import CalibrationSettings, ModelSettings
from models.settings.base import Affects, affecting
from models.settings.tuner import Range, TunerSettings
from models.training.checkpoints import kept_in
from models.training.hosts.cluster import hosts
from models.training.search_space import own_values, with_values
from models.training.tensorboard import write_trial
from models.training.trainer import fit, load_split, scratch_folder
from models.verification.calibration import check_measurable

progress = logging.getLogger("siamese.progress")

# (recipe, folder for TensorBoard, callbacks): one training.
Fit = Callable[[ModelSettings, Path, list[keras.callbacks.Callback]], Any]


def tuner_fn(fn_args: Any) -> TunerFnResult:
    """The search, ready to start.

    Args:
      fn_args: ``tfx.components.FnArgs``. Its ``custom_config`` is the Trainer's, and has ``tuner`` (the fields of
        ``TunerSettings``) beside. In its ``checkpoints``, if it has any, a search that was stopped finds what it has
        tried.

    Raises:
      UserError: ``TF_CONFIG`` names several hosts: each would propose trials of its own.
    """
    if hosts().count > 1:
        raise UserError(
            "TF_CONFIG: trials run on one host; tune without it, or set tuner.trials to 0", code="train-tuner-hosts"
        )
    config = fn_args.custom_config
    settings = ModelSettings.model_validate(config["model"])
    tuner = TunerSettings.model_validate(config["tuner"])
    patterns = (fn_args.train_files[0], fn_args.eval_files[0])
    if settings.training.deterministic:
        tf.config.experimental.enable_op_determinism()
    kept = kept_in(config, patterns, affecting(Affects.WEIGHTS, TunerSettings, tuner.model_dump(mode="json")))
    passing = Path(fn_args.working_dir)
    passing.mkdir(parents=True, exist_ok=True)
    folder = kept.with_name(f"trials-{kept.name}") if kept else passing / "trials"

    @contextmanager
    def opened() -> Iterator[Fit]:
        normalise = Normalisation(tft.TFTransformOutput(fn_args.transform_graph_path))
        with scratch_folder(str(passing), patterns, settings) as scratch:
            train, val = (load_split(pattern, settings, scratch) for pattern in patterns)
            check_measurable(settings.calibration, val[1].same)

            def once(recipe: ModelSettings, logs: Path, callbacks: list[keras.callbacks.Callback]) -> None:
                # A short trial need not reach the objective of the calibration.
                shown = "none" if recipe.training.tensorboard == "none" else "scalars"
                training = recipe.training.model_copy(update={"tensorboard": shown})
                recipe = recipe.model_copy(update={"calibration": CalibrationSettings(), "training": training})
                fit(recipe, normalise, train, val, str(logs), more=callbacks, pictured=False)

            yield once

    return TunerFnResult(Search(settings, tuner, opened, folder), {})


class _OwnFirst:
    """An oracle whose first proposal is the recipe itself, so that the best trial is never worse."""

    own: dict[str, float] | None = None

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        if self.own and not self.start_order:  # type: ignore[attr-defined]
            return {"status": "RUNNING", "values": dict(self.own)}
        proposed: dict[str, Any] = super().populate_space(trial_id)  # type: ignore[misc]
        return proposed


class _Random(_OwnFirst, keras_tuner.oracles.RandomSearchOracle):
    pass


class _Bayesian(_OwnFirst, keras_tuner.oracles.BayesianOptimizationOracle):
    """Proposes from what has been tried alone: a search that continues proposes what an unbroken one would have."""

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        self.num_initial_points = len(self.hyperparameters.space) + 1  # three a value would be most of a search
        self._random_state = np.random.RandomState(self.seed + len(self.start_order))
        self.gpr = self._make_gpr()
        proposed = super().populate_space(trial_id)
        again = proposed["status"] == "RUNNING" and self._duplicate(proposed["values"])
        return self._random_populate_space() if again else proposed


class Search(keras_tuner.engine.base_tuner.BaseTuner):
    """Runs the trials that an oracle proposes, within a number and a time; continues where it was stopped.

    ``opened`` is a context that opens the data and gives the function that trains on them. The ``folder`` is of this
    search alone.
    """

    def __init__(
        self,
        settings: ModelSettings,
        tuner: TunerSettings,
        opened: Callable[[], AbstractContextManager[Fit]],
        folder: Path,
    ) -> None:
        self._settings, self._tuner, self._opened = settings, tuner, opened
        self._seconds, self._why = 0.0, ""
        measure = settings.training.stop_on
        self._lower = measure == "eer"
        objective = keras_tuner.Objective(f"val_{measure}", "min" if self._lower else "max")
        oracle = (_Random if tuner.search == "random" else _Bayesian)(
            objective=objective,
            max_trials=tuner.trials,
            seed=settings.seed + 1,  # 0 is drawn at random
            hyperparameters=space(tuner),
            tune_new_entries=False,
            max_consecutive_failed_trials=tuner.trials + 1,
        )
        oracle.own = own_values(settings, tuner)
        oracle.verbose = 0
        super().__init__(oracle, directory=str(folder.parent), project_name=folder.name, overwrite=not _whole(folder))
        if self._seconds:
            progress.info("continues after %d of %d trials", len(self.oracle.end_order), tuner.trials)

    def search(self, *_given: Any, **_named: Any) -> None:
        """Runs all trials.

        Raises:
          TrainingFailed: none of them came to its end.
        """
        self._stop_in_time()
        with self._opened() as fit:
            super().search(fit=fit)
        if not self.best():
            shutil.rmtree(self.project_dir, ignore_errors=True)  # it would find nothing else again
            raise TrainingFailed(
                f"tuning failed: none of {len(self.oracle.end_order)} trials was trained: {self._why}",
                "train-tuning-failed",
            )
        best = self.best()[0]
        tuned = _written(best.hyperparameters.values)
        progress.info("best of %d trials: %s (%.4f)", len(self.oracle.end_order), tuned, best.score)

    def best(self) -> list[Any]:
        """The trials that came to their end, best first."""
        return [trial for trial in self.oracle.get_best_trials(self._tuner.trials) if trial.status == "COMPLETED"]

    def get_best_hyperparameters(self, num_trials: int = 1) -> list[Any]:
        return [trial.hyperparameters for trial in self.best()[:num_trials]]

    def search_space_summary(self, extended: bool = False) -> None:
        """Prints nothing: each trial is logged as it begins."""

    def results_summary(self, num_trials: int = 10) -> None:
        """Prints nothing: the best is logged."""

    def run_trial(self, trial: Any, fit: Fit) -> dict[str, float]:
        """One training: the best epoch's measure on the validation pairs."""
        values = dict(trial.hyperparameters.values)
        number = len(self.oracle.end_order) + 1
        progress.info("trial %d/%d  %s", number, self._tuner.trials, _written(values))
        recipe = with_values(self._settings, values)
        if self._tuner.epochs:
            training = recipe.training.model_copy(update={"epochs": self._tuner.epochs})
            recipe = recipe.model_copy(update={"training": training})
        watch = _Watch(self.oracle.objective.name, self._lower, self._tuner.minutes * 60 - self._seconds)
        keras.utils.set_random_seed(recipe.seed)
        logs = Path(self.get_trial_dir(trial.trial_id)) / "logs"
        try:
            fit(recipe, logs, [watch])
        except (TrainingFailed, tf.errors.ResourceExhaustedError) as error:
            self._why = str(error)
            progress.info("trial %d/%d  failed: %s", number, self._tuner.trials, error)
            raise FailedTrialError(str(error)) from error
        except Exception as error:  # the oracle would count any as a failed trial, and continue silently
            raise FatalError(str(error)) from error
        finally:
            self._seconds += watch.passed()
            keras.utils.clear_session()
        if watch.best is None:
            self._why = "the time was up before the first epoch's end; raise tuner.minutes"
            raise FailedTrialError(self._why)
        metrics = {self.oracle.objective.name: watch.best}
        write_trial(logs, values, metrics)
        return metrics

    def on_trial_end(self, trial: Any) -> None:
        super().on_trial_end(trial)
        self._stop_in_time()

    def get_state(self) -> dict[str, Any]:
        return {**super().get_state(), "seconds": self._seconds}

    def set_state(self, state: dict[str, Any]) -> None:
        super().set_state(state)
        self._seconds = float(state.get("seconds", 0))

    def _stop_in_time(self) -> None:
        if self._seconds >= self._tuner.minutes * 60 and len(self.oracle.end_order) < self._tuner.trials:
            progress.info("%.3g minutes are up: no further trial", self._tuner.minutes)
            self.oracle.max_trials = len(self.oracle.start_order)


def _written(values: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in values.items())


def space(tuner: TunerSettings) -> keras_tuner.HyperParameters:
    """The search space as the oracle takes it."""
    found = keras_tuner.HyperParameters()
    for name, values in tuner.space.items():
        kind = int if name == "embedding" else float
        if isinstance(values, Range):
            among = found.Int if kind is int else found.Float
            among(name, kind(values.min), kind(values.max), sampling="log" if values.log else "linear")
        else:
            found.Choice(name, [kind(value) for value in values], ordered=True)  # of one type, or it raises
    return found


def _whole(folder: Path) -> bool:
    """Whether the kept results can be read: a process that is killed while writing leaves an incomplete file."""
    try:
        for file in folder.rglob("*.json"):
            json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        progress.info("%s is incomplete: the search starts again", file)
        return False
    return True


class _Watch(keras.callbacks.Callback):
    """Notes the best epoch's measure, and ends a trial whose time is up."""

    def __init__(self, measure: str, lower: bool, seconds: float) -> None:
        super().__init__()
        self._measure, self._lower, self._seconds, self._began = measure, lower, seconds, time.monotonic()
        self.best: float | None = None

    def passed(self) -> float:
        """Seconds since the trial began."""
        return time.monotonic() - self._began

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        del batch, logs
        if self.passed() > self._seconds:
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        del epoch
        found = (logs or {}).get(self._measure)
        if found is None:
            return
        if self.best is None or (found < self.best if self._lower else found > self.best):
            self.best = float(found)
        if self.passed() > self._seconds:
            self.model.stop_training = True
