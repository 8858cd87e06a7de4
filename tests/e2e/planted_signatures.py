"""Exports with defects: the encoder may be good, its signatures are not."""

import tensorflow as tf

from models.data import canonical_pixels
from models.export.saved_model import ServedModel

_NOT_A_NUMBER = float("nan")


class ReversedScore(ServedModel):
    """1 - score: a larger distance gives a higher score."""

    def _score(self, a, b):
        scores = super()._score(a, b)
        return {**scores, "score": 1 - scores["score"]}


class ReversedScoreAndDistance(ServedModel):
    """The distance is reversed, too, so that the score still falls as it grows."""

    def _score(self, a, b):
        distance = 2 - super()._score(a, b)["distance"]
        return {"score": tf.sigmoid(self._slope * (self._threshold - distance)), "distance": distance}


class DistanceAsScore(ServedModel):
    """The score is the distance: on another scale, with lower values for more alike images."""

    def _score(self, a, b):
        distance = super()._score(a, b)["distance"]
        return {"score": distance, "distance": distance}


class Similarity(ServedModel):
    """The score is 1 - distance: higher for more alike images, but not in 0 to 1, with a threshold other than 0.5."""

    def _score(self, a, b):
        distance = super()._score(a, b)["distance"]
        return {"score": 1 - distance, "distance": distance}


class WithoutNormalisation(ServedModel):
    """Encoded images are not normalised, Examples are."""

    def _embed_encoded(self, encoded):
        def scaled(one):
            return tf.cast(canonical_pixels.decode(one, self._image), tf.float32) / 255

        shape = self._encoder.input_shape[1:]
        images = tf.map_fn(scaled, encoded, fn_output_signature=tf.TensorSpec(shape, tf.float32))
        return self._encoder(images, training=False)


class WithoutEmbed(ServedModel):
    """One signature is not exported."""

    def save(self, path):
        signatures = {name: getattr(self, name) for name in ("serving_default", "compare")}
        tf.saved_model.save(self, path, signatures=signatures)


class BlackIsNotANumber(ServedModel):
    """NaN for a black image, as after a division by its brightness."""

    def _embed_raw(self, raw):
        black = tf.strings.regex_full_match(raw, r"\x00*")
        return tf.where(black[:, None], _NOT_A_NUMBER, super()._embed_raw(raw))


class OneAtATime(ServedModel):
    """NaN for more than one pair in a request."""

    def _score(self, a, b):
        scores = super()._score(a, b)
        return {name: tf.where(tf.shape(a)[0] > 1, _NOT_A_NUMBER, value) for name, value in scores.items()}


class NeverAlone(ServedModel):
    """NaN for a single pair."""

    def _score(self, a, b):
        scores = super()._score(a, b)
        return {name: tf.where(tf.shape(a)[0] == 1, _NOT_A_NUMBER, value) for name, value in scores.items()}


class Slow(ServedModel):
    """Correct, but with needless work."""

    def _embed_raw(self, raw):
        embedding = super()._embed_raw(raw)
        state = tf.fill([500, 500], tf.reduce_mean(embedding) * 1e-3)
        state = tf.while_loop(lambda n, _: n < 5, lambda n, x: (n + 1, x @ x), [0, state])[1]
        return embedding + 0.0 * tf.clip_by_value(tf.reduce_mean(state), -1.0, 1.0)


class Heavy(ServedModel):
    """Correct, but with needless weights."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._ballast = tf.Variable(tf.random.stateless_uniform([1_000_000], (0, 0)))
