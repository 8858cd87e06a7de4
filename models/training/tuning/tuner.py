"""``tuner_fn`` of the TFX Tuner: the trials that the Trainer's own ``fit`` makes, and where they are kept."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
import tensorflow_transform as tft
from tfx.components.tuner.component import TunerFnResult

from models.errors import UserError
from models.settings import CalibrationSettings, ModelSettings
from models.settings.base import Affects, affecting
from models.settings.tuner import TunerSettings
from models.training.checkpoints import kept_in
from models.training.hosts.cluster import hosts
from models.training.trainer import fit, load_split, normaliser, scratch_folder
from models.training.tuning.search import Fit, Search
from models.verification.operating_points import check_measurable


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
        normalise = normaliser(tft.TFTransformOutput(fn_args.transform_graph_path))
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
