"""Exports that went wrong: the encoder may be a good one, what is served of it is not."""

import tensorflow as tf

from models.data import canonical_pixels
from models.export.signatures import ServedModel

_NOT_A_NUMBER = float("nan")


class ScoreTurnedRound(ServedModel):
    """1 - score: the farther, the more alike."""

    def _judge(self, a, b):
        judged = super()._judge(a, b)
        return {**judged, "score": 1 - judged["score"]}


class AllTurnedRound(ServedModel):
    """The distance is turned round as well, so that the score still falls as it grows."""

    def _judge(self, a, b):
        distance = 2 - super()._judge(a, b)["distance"]
        return {"score": tf.sigmoid(self._slope * (self._threshold - distance)), "distance": distance}


class DistanceAsScore(ServedModel):
    """The score is the distance: on another scale, and less is more alike."""

    def _judge(self, a, b):
        distance = super()._judge(a, b)["distance"]
        return {"score": distance, "distance": distance}


class Similarity(ServedModel):
    """The score is 1 - distance: more is more alike, but "the same" is not above 0.5, nor is it between 0 and 1."""

    def _judge(self, a, b):
        distance = super()._judge(a, b)["distance"]
        return {"score": 1 - distance, "distance": distance}


class WithoutNormalisation(ServedModel):
    """Encoded images go to the encoder as they are, Examples normalised as in training."""

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
    """No answer for a black image, as where something is divided by what an image holds."""

    def _embed_raw(self, raw):
        black = tf.strings.regex_full_match(raw, r"\x00*")
        return tf.where(black[:, None], _NOT_A_NUMBER, super()._embed_raw(raw))


class OneAtATime(ServedModel):
    """No answer for more than one pair in a request."""

    def _judge(self, a, b):
        judged = super()._judge(a, b)
        return {name: tf.where(tf.shape(a)[0] > 1, _NOT_A_NUMBER, value) for name, value in judged.items()}


class NeverAlone(ServedModel):
    """No answer for a single pair."""

    def _judge(self, a, b):
        judged = super()._judge(a, b)
        return {name: tf.where(tf.shape(a)[0] == 1, _NOT_A_NUMBER, value) for name, value in judged.items()}


class Slow(ServedModel):
    """As good, but with work that nobody needs."""

    def _embed_raw(self, raw):
        embedding = super()._embed_raw(raw)
        state = tf.fill([500, 500], tf.reduce_mean(embedding) * 1e-3)
        state = tf.while_loop(lambda n, _: n < 5, lambda n, x: (n + 1, x @ x), [0, state])[1]
        return embedding + 0.0 * tf.clip_by_value(tf.reduce_mean(state), -1.0, 1.0)


class Heavy(ServedModel):
    """As good, but with weights that nobody needs."""

    def __init__(self, *given):
        super().__init__(*given)
        self._ballast = tf.Variable(tf.random.stateless_uniform([1_000_000], (0, 0)))
