"""The export of a trained model: SavedModel, manifest and warm-up requests."""

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import tensorflow as tf

from models.export.manifest import CalibrationReport, ModelManifest
from models.export.signatures import ServedModel, warmup_requests
from models.settings import ModelSettings
from models.verification.calibration import Calibration


def export(served: ServedModel, settings: ModelSettings, calibration: Calibration, fn_args: Any) -> None:
    """Writes the SavedModel, its manifest and its warm-up requests."""
    path = fn_args.serving_model_dir
    served.save(path)
    ModelManifest(
        model_digest=served.digest(fn_args.custom_config["code_digest"]),
        image=settings.image,
        distance=settings.loss.distance,
        threshold=calibration.threshold,
        slope=calibration.slope,
        calibration=CalibrationReport(**settings.calibration.model_dump(), validation=calibration.reached),
        embedding=settings.encoder.embedding,
        split=fn_args.custom_config["split"],
        config_digest=fn_args.custom_config["config_digest"],
        tuned=fn_args.hyperparameters["values"] if fn_args.hyperparameters else None,
        versions={name: version(name) for name in ("tfx", "tensorflow", "keras", "tensorflow-transform")}
        | {"python": sys.version.split()[0]},
    ).write(path)
    with tf.io.TFRecordWriter(str(Path(path) / "assets.extra" / "tf_serving_warmup_requests")) as writer:
        for log in warmup_requests(settings.image):
            writer.write(log.SerializeToString())
