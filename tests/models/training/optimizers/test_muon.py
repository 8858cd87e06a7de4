import keras
import numpy as np
import pytest

from models.training.optimizers.muon import keras_muon, orthogonal

RATE = 0.01


@pytest.mark.parametrize("shape", [(3, 8), (8, 3), (5, 5), (144, 32)])
def test_all_singular_values_become_about_one_and_directions_stay(shape):
    matrix = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    left, _, right = np.linalg.svd(matrix, full_matrices=False)
    found = np.asarray(orthogonal(keras.ops.convert_to_tensor(matrix)))
    values = np.linalg.svd(found, compute_uv=False)
    assert values.min() > 0.6
    assert values.max() < 1.3
    cosine = (found * (left @ right)).sum() / np.linalg.norm(found) / np.linalg.norm(left @ right)
    assert cosine > 0.97


def moved(variable: keras.Variable, *gradients: np.ndarray, **options) -> np.ndarray:
    """The change of ``variable``."""
    optimizer = keras_muon()(learning_rate=RATE, **{"weight_decay": 0.0, **options})
    optimizer.build([variable])
    before = np.array(variable)
    for gradient in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(gradient)])
    return np.array(variable) - before


def drawn(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def by_hand(gradient: np.ndarray) -> np.ndarray:
    rows, columns = np.prod(gradient.shape[:-1]), gradient.shape[-1]
    flat = keras.ops.convert_to_tensor(gradient.reshape(rows, columns))
    return -RATE * 0.2 * max(rows, columns) ** 0.5 * np.asarray(orthogonal(flat)).reshape(gradient.shape)


@pytest.mark.parametrize("shape", [(6, 4), (3, 3, 2, 5)], ids=["dense", "convolution"])
def test_kernels_move_along_their_momentum_made_orthogonal(shape):
    one, other = drawn(*shape), drawn(*shape, seed=1)
    np.testing.assert_allclose(moved(keras.Variable(drawn(*shape)), one), by_hand(one), atol=1e-6)
    second = other + 0.9 * (other + 0.9 * one)
    both = moved(keras.Variable(drawn(*shape)), one, other, momentum=0.9)
    np.testing.assert_allclose(both, by_hand(one) + by_hand(second), atol=1e-6)


def test_an_update_is_as_long_as_one_of_adam():
    moves = moved(keras.Variable(drawn(3, 3, 16, 32)), drawn(3, 3, 16, 32))
    assert 0.1 * RATE < np.sqrt((moves**2).mean()) < 0.3 * RATE  # Adam's are of 0.2 to 0.4 as a rule (Liu et al. 2025)


@pytest.mark.parametrize("shape", [(5,), (), (3, 3, 4, 1), (1, 7), (1026, 1025)], ids=str)
def test_what_is_no_matrix_or_a_huge_one_moves_as_in_adamw(shape):
    gradients = [np.asarray(drawn(*shape, seed=seed), np.float32) for seed in range(3)]
    one, other = (keras.Variable(np.ones(shape, np.float32)) for _ in range(2))
    adamw = keras.optimizers.AdamW(learning_rate=RATE, weight_decay=0.1)
    adamw.build([other])
    for gradient in gradients:
        adamw.apply([keras.ops.convert_to_tensor(gradient)])
    np.testing.assert_array_equal(moved(one, *gradients, weight_decay=0.1), np.array(other) - 1)


def test_no_gradient_moves_nothing():
    np.testing.assert_array_equal(moved(keras.Variable(drawn(4, 4)), np.zeros((4, 4), np.float32)), 0)


def test_it_survives_serialisation():
    made = keras_muon()(learning_rate=0.3, momentum=0.8, weight_decay=0.2)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(made))
    assert type(again) is keras_muon()
    assert again.get_config() == made.get_config()
