import keras
import numpy as np
import pytest
import tensorflow as tf

from models.distances import DISTANCES

A = np.array([[3.0, 4.0], [1.0, 0.0], [1.0, 1.0]], np.float32)
B = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0]], np.float32)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("euclidean", [5, 2**0.5, 0]), ("manhattan", [7, 2, 0]), ("cosine", [1, 1, 0])],
)
def test_paired_by_hand(name, expected):
    np.testing.assert_allclose(DISTANCES[name].paired(A, B), expected, atol=1e-5)


@pytest.mark.parametrize("name", DISTANCES)
def test_pairwise_is_paired_of_every_two_rows(name):
    x = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)
    paired = [[float(DISTANCES[name].paired(a[None], b[None])[0]) for b in x] for a in x]
    np.testing.assert_allclose(DISTANCES[name].pairwise(x), paired, atol=2e-3)


@pytest.mark.parametrize("name", DISTANCES)
@pytest.mark.parametrize("form", ["paired", "pairwise"])
def test_gradient_is_finite_where_embeddings_coincide(name, form):
    x = tf.Variable(np.ones((3, 4), np.float32))
    with tf.GradientTape() as tape:
        distance = DISTANCES[name].pairwise(x) if form == "pairwise" else DISTANCES[name].paired(x, x)
        total = keras.ops.sum(distance)
    assert np.isfinite(tape.gradient(total, x).numpy()).all()


def test_euclidean_on_the_unit_sphere_follows_the_cosine():
    x = np.random.default_rng(1).normal(size=(20, 8))
    x = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)
    euclidean, cosine = (np.asarray(DISTANCES[name].paired(x[:10], x[10:])) for name in ("euclidean", "cosine"))
    np.testing.assert_allclose(euclidean**2, 2 * cosine, atol=1e-5)
