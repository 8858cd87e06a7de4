import keras
import numpy as np
import pytest
import tensorflow as tf

from models.network.distances import DISTANCES
from models.network.pairwise import cosines

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
    np.testing.assert_allclose(DISTANCES[name].pairwise(x), paired, atol=1e-5)


@pytest.mark.parametrize("apart", [0.0, 1e-5, 1e-4, 1e-2, 1.0])
def test_the_smallest_distances_of_a_batch_are_exact(apart):
    """A float32 product misses them by 0.001, one in TF32, as GPUs make it unless asked, by 0.03."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(12, 128))
    x = np.repeat(x / np.linalg.norm(x, axis=1, keepdims=True), 2, axis=0)
    x = (x + apart * rng.normal(size=x.shape) / 128**0.5).astype(np.float32)
    exact = np.linalg.norm(x[:, None].astype(np.float64) - x[None].astype(np.float64), axis=-1)
    found = DISTANCES["euclidean"].pairwise(tf.constant(x))
    assert found.dtype == tf.float32
    np.testing.assert_allclose(found, exact, rtol=1e-6, atol=1.1e-6)  # a root is of 1e-12 at least


def test_cosines_of_a_batch_are_as_exact_as_its_numbers():
    x = np.random.default_rng(3).normal(size=(20, 128)).astype(np.float32)
    double = x.astype(np.float64) / np.linalg.norm(x.astype(np.float64), axis=1, keepdims=True)
    np.testing.assert_allclose(cosines(tf.constant(x)), double @ double.T, atol=2e-7)


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
