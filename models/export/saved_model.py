"""The export of a trained model: its SavedModel, whose signatures take images or Examples to a score, and manifest."""

import hashlib
import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from models.data import canonical_pixels, features
from models.data.preprocessing import Normalisation
from models.export.manifest import CalibrationReport, ModelManifest
from models.network.distances import DISTANCES
from models.settings import ImageSettings, ModelSettings
from models.verification.calibration import Calibration

_SIZES = (features.HEIGHT, features.WIDTH, features.CHANNELS)


def _strings(*names: str) -> list[tf.TensorSpec]:
    return [tf.TensorSpec([None], tf.string, name=name) for name in names]


class ServedModel(tf.Module):
    """Encoder, normalisation and calibration in one, with the three signatures of serving.

    The graph of ``transform`` normalises raw pixels; ``image`` is the encoder's own input size.
    """

    def __init__(
        self,
        encoder: keras.Model,
        transform: tft.TFTransformOutput,
        distance: str,
        calibration: Calibration,
        image: ImageSettings,
    ) -> None:
        super().__init__(name="siamese")
        # Hidden from TensorFlow's tracking: it saves a copy of each Keras 3 variable, and behind TensorFlow Serving the
        # copy alone is restored while signatures read the original ("Could not find variable", tensorflow#72963).
        object.__setattr__(self, "_encoder", encoder)
        self._weights = [weight.value for weight in encoder.weights]
        self._normalise = Normalisation(transform)
        self._distance, self._image = distance, image
        self._threshold = tf.constant(calibration.threshold, tf.float32)
        self._slope = tf.constant(calibration.slope, tf.float32)

    @tf.function(input_signature=_strings("examples"), autograph=False)
    def serving_default(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Serialized pair Examples with pixels of any size [n] -> ``score`` and ``distance``, float32 [n]."""
        strings, numbers = tf.io.FixedLenFeature([], tf.string), tf.io.FixedLenFeature([], tf.int64)
        spec = {features.side(features.PIXELS, side): strings for side in features.SIDES}
        spec |= {features.side(size, side): numbers for size in _SIZES for side in features.SIDES}
        pairs = tf.io.parse_example(examples, spec)
        raw = [pairs[features.side(features.PIXELS, side)] for side in features.SIDES]
        sizes = [tf.stack([pairs[features.side(size, side)] for size in _SIZES], axis=1) for side in features.SIDES]
        a, b = map(self._embed_raw, map(self._own_size, raw, sizes))
        return self._score(a, b)

    @tf.function(input_signature=_strings("image_a", "image_b"), autograph=False)
    def compare(self, image_a: tf.Tensor, image_b: tf.Tensor) -> dict[str, tf.Tensor]:
        """Encoded images (JPEG, PNG, BMP, GIF bytes) [n], [n] -> ``score``, ``distance`` and ``same`` (bool), [n]."""
        scores = self._score(self._embed_encoded(image_a), self._embed_encoded(image_b))
        return {**scores, "same": scores["score"] > 0.5}

    @tf.function(input_signature=_strings("image"), autograph=False)
    def embed(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
        """Encoded images [n] -> ``embedding``, float32 [n, d]."""
        return {"embedding": self._embed_encoded(image)}

    def save(self, path: str) -> None:
        """Writes the SavedModel with its signatures."""
        signatures = {name: getattr(self, name) for name in ("serving_default", "compare", "embed")}
        tf.saved_model.save(self, path, signatures=signatures)

    def digest(self, code_digest: str) -> str:
        """SHA-256 over all that determines the outputs: weights, normalisation, calibration, architecture, code."""
        digest = hashlib.sha256(code_digest.encode())
        described = [json.loads(self._encoder.to_json())["config"], self._distance, self._image.model_dump()]
        digest.update(json.dumps(described, sort_keys=True).encode())
        for weights in self._encoder.get_weights():
            digest.update(np.ascontiguousarray(weights).tobytes())
        size = self._image.height * self._image.width * self._image.channels
        extremes = tf.constant([bytes(size), b"\xff" * size])
        digest.update(self._normalise(extremes).numpy().tobytes())
        digest.update(np.array([self._threshold, self._slope], np.float32).tobytes())
        return digest.hexdigest()

    def _score(self, a: tf.Tensor, b: tf.Tensor) -> dict[str, tf.Tensor]:
        distance = tf.convert_to_tensor(DISTANCES[self._distance].paired(a, b))
        return {"score": tf.sigmoid(self._slope * (self._threshold - distance)), "distance": distance}

    def _embed_encoded(self, encoded: tf.Tensor) -> tf.Tensor:
        def canonical(one: tf.Tensor) -> tf.Tensor:
            return raw_bytes(canonical_pixels.decode(one, self._image))

        return self._embed_raw(tf.map_fn(canonical, encoded, fn_output_signature=tf.string))

    def _embed_raw(self, raw: tf.Tensor) -> tf.Tensor:
        image = self._normalise(raw)
        return self._encoder(tf.ensure_shape(image, self._encoder.input_shape), training=False)

    def _own_size(self, raw: tf.Tensor, sizes: tf.Tensor) -> tf.Tensor:
        """Raw pixels [n] of ``sizes`` [n, 3] -> raw pixels of this model's size; unchanged if they have it."""
        own = tf.constant([self._image.height, self._image.width, self._image.channels], tf.int64)

        def resized(one: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
            image = tf.reshape(tf.io.decode_raw(one[0], tf.uint8), one[1])
            return raw_bytes(canonical_pixels.resize(image, self._image))

        return tf.cond(
            tf.reduce_all(sizes == own),
            lambda: raw,
            lambda: tf.map_fn(resized, (raw, sizes), fn_output_signature=tf.string),
        )


def raw_bytes(image: tf.Tensor) -> tf.Tensor:
    """uint8 pixels [...] -> a string scalar of the same bytes, row-major: the inverse of ``tf.io.decode_raw``.

    TensorFlow has no such op; a serialised uint8 tensor ends with exactly these bytes.
    """
    return tf.strings.substr(tf.io.serialize_tensor(image), -tf.size(image), tf.size(image))


def blank_pair(image: ImageSettings) -> bytes:
    """A serialized pair Example of two black images."""
    shape = (image.height, image.width, image.channels)
    example = tf.train.Example()
    for side in features.SIDES:
        pixels = example.features.feature[features.side(features.PIXELS, side)]
        pixels.bytes_list.value.append(bytes(int(np.prod(shape))))
        for key, length in zip(_SIZES, shape, strict=True):
            example.features.feature[features.side(key, side)].int64_list.value.append(length)
    serialized: bytes = example.SerializeToString()
    return serialized


def warmup_requests(image: ImageSettings) -> list[Any]:
    """One request for each signature, which TensorFlow Serving replays before it serves."""
    from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

    shape = (image.height, image.width, image.channels)
    blank = tf.io.encode_png(tf.zeros(shape, tf.uint8)).numpy()
    inputs = {
        "serving_default": {"examples": blank_pair(image)},
        "compare": {"image_a": blank, "image_b": blank},
        "embed": {"image": blank},
    }
    logs = []
    for signature, tensors in inputs.items():
        request = predict_pb2.PredictRequest()
        request.model_spec.signature_name = signature
        for name, value in tensors.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto([value]))
        logs.append(prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request)))
    return logs


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
