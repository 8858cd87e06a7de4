"""What a tiny model is made of: small images, the Examples that hold them, the normalisation fitted on them."""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from models.data import features
from models.data.preprocessing import preprocessing_fn
from models.export.saved_model import ServedModel
from models.settings import ImageSettings, ModelSettings
from models.verification.calibration import Calibration

# Not square: a height taken for a width is found.
GREY, COLOUR = (ImageSettings(height=12, width=10, channels=channels) for channels in (1, 3))
CALIBRATION = Calibration(threshold=0.4, slope=6.0)


@dataclass(frozen=True)
class Exported:
    """A SavedModel and what it was made of."""

    path: Path
    settings: ModelSettings
    encoder: keras.Model
    transform: tft.TFTransformOutput
    served: ServedModel

    @property
    def signatures(self) -> Any:
        return tf.saved_model.load(str(self.path)).signatures


def patterns(count: int, image: ImageSettings, seed: int = 0) -> np.ndarray:
    """Images of large and small structure, uint8 [count, height, width, channels]."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0, 255, (count, 3, 3, image.channels))
    smooth = tf.image.resize(coarse, (image.height, image.width)).numpy()
    return np.clip(smooth + rng.normal(0, 12, smooth.shape), 0, 255).astype(np.uint8)


def png(pixels: np.ndarray) -> bytes:
    return tf.io.encode_png(pixels).numpy()


def pair_example(a: np.ndarray, b: np.ndarray) -> bytes:
    example = tf.train.Example()
    for which, pixels in zip(features.SIDES, (a, b), strict=True):
        example.features.feature[features.side(features.PIXELS, which)].bytes_list.value.append(pixels.tobytes())
        for key, size in zip((features.HEIGHT, features.WIDTH, features.CHANNELS), pixels.shape, strict=True):
            example.features.feature[features.side(key, which)].int64_list.value.append(size)
    return example.SerializeToString()


def fit_transform(images: np.ndarray, image: ImageSettings, folder: Path) -> tft.TFTransformOutput:
    """Transform's output for the ``images``, as TFX makes it."""
    import apache_beam as beam
    import tensorflow_transform.beam as tft_beam
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner
    from tensorflow_transform.tf_metadata import dataset_metadata, schema_utils

    spec = {features.PIXELS: tf.io.FixedLenFeature([], tf.string)}
    metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(spec))
    fitted = functools.partial(preprocessing_fn, custom_config={"image": image.model_dump(mode="json")})
    with beam.Pipeline(runner=FnApiRunner()) as pipeline, tft_beam.Context(temp_dir=str(folder / "scratch")):
        rows = pipeline | beam.Create([{features.PIXELS: pixels.tobytes()} for pixels in images])
        transform_fn = (rows, metadata) | tft_beam.AnalyzeDataset(fitted)
        transform_fn | tft_beam.WriteTransformFn(str(folder / "transform"))
    return tft.TFTransformOutput(str(folder / "transform"))
