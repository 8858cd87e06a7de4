"""A tiny model, exported as the Trainer exports it, once a session."""

import functools
from collections.abc import Callable
from types import SimpleNamespace

import keras
import pytest
import tensorflow_transform as tft
from tiny_model import CALIBRATION, GREY, Exported, fit_transform, patterns

from models.encoders import build_encoder
from models.settings import EncoderSettings, ImageSettings, LossSettings, ModelSettings
from models.signatures import ServedModel
from models.trainer import export


@pytest.fixture(scope="session")
def transform_of(tmp_path_factory) -> Callable[[ImageSettings], tft.TFTransformOutput]:
    """The normalisation fitted on ``patterns(40, image)``."""

    @functools.cache
    def made(image: ImageSettings) -> tft.TFTransformOutput:
        return fit_transform(patterns(40, image), image, tmp_path_factory.mktemp("tft"))

    return made


@pytest.fixture(scope="session")
def export_of(tmp_path_factory, transform_of) -> Callable[[ImageSettings], Exported]:
    @functools.cache
    def made(image: ImageSettings) -> Exported:
        settings = ModelSettings(
            image=image,
            encoder=EncoderSettings(filters=(6, 8), embedding=5, dropout=0.3),
            loss=LossSettings(distance="euclidean"),
        )
        keras.utils.set_random_seed(3)
        encoder = build_encoder(image, settings.encoder)
        served = ServedModel(encoder, transform_of(image), settings.loss.distance, CALIBRATION, image)
        path = tmp_path_factory.mktemp("model") / "1"
        custom = {"code_digest": "code", "config_digest": "config", "split": {"by": "image", "seed": 0}}
        export(served, settings, CALIBRATION, SimpleNamespace(serving_model_dir=str(path), custom_config=custom))
        return Exported(path, settings, encoder, transform_of(image), served)

    return made


@pytest.fixture(scope="session")
def exported(export_of) -> Exported:
    """Of grey images."""
    return export_of(GREY)
