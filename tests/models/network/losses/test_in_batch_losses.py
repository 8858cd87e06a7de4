"""Each loss beside the same formula written with loops, and what all of them must do."""

import numpy as np
import pytest
import tensorflow as tf

from models.data.features import FORGED
from models.network.distances import DISTANCES
from models.network.losses import LOSSES, build_loss
from models.network.losses.binary_cross_entropy import BinaryCrossEntropy
from models.network.losses.multi_similarity import MultiSimilarity
from models.network.losses.supervised_contrastive import SupervisedContrastive
from models.network.losses.triplet import Triplet
from models.settings import LossSettings

LABELS = np.array([3, 3, 3, 8, 8, 5, FORGED, FORGED])
X = np.random.default_rng(0).normal(size=(len(LABELS), 4)).astype(np.float32)
SAME = np.equal.outer(LABELS, LABELS)
GENUINE = SAME & ~np.eye(len(LABELS), dtype=bool) & (LABELS != FORGED)[:, None]
IMPOSTOR = ~SAME
EUCLIDEAN = DISTANCES["euclidean"]
IN_BATCH = [name for name, loss in LOSSES.items() if "batch" in loss.forms()]


def euclidean(x: np.ndarray) -> np.ndarray:
    return np.sqrt(((x[:, None] - x[None]) ** 2).sum(-1))


def cosines(x: np.ndarray) -> np.ndarray:
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    return unit @ unit.T


def triplet_by_hand(x: np.ndarray, margin: float) -> float:
    between, costs = euclidean(x), []
    for i, j in zip(*np.nonzero(GENUINE), strict=True):
        impostors = between[i][IMPOSTOR[i]]
        further = impostors[impostors > between[i, j]]
        negative = further.min() if len(further) else impostors.max()
        costs.append(max(0.0, between[i, j] - negative + margin))
    return float(np.mean(costs))


def multi_similarity_by_hand(x: np.ndarray, alpha: float, beta: float, base: float, epsilon: float) -> float:
    alike, costs = cosines(x), []
    for i in range(len(x)):
        positives, negatives = alike[i][GENUINE[i]], alike[i][IMPOSTOR[i]]
        if len(positives) and len(negatives):
            pulled = positives[positives - epsilon < negatives.max()]
            pushed = negatives[negatives + epsilon > positives.min()]
            pull = np.log(1 + np.exp(-alpha * (pulled - base)).sum()) / alpha
            costs.append(pull + np.log(1 + np.exp(beta * (pushed - base)).sum()) / beta)
    return float(np.mean(costs))


def supervised_contrastive_by_hand(x: np.ndarray, temperature: float) -> float:
    alike, costs = cosines(x) / temperature, []
    for i in range(len(x)):
        if GENUINE[i].any():
            against = np.exp(alike[i][GENUINE[i] | IMPOSTOR[i]]).sum()
            costs.append(np.mean([-np.log(np.exp(alike[i, p]) / against) for p in np.flatnonzero(GENUINE[i])]))
    return float(np.mean(costs))


def binary_cross_entropy_by_hand(logits: np.ndarray) -> float:
    p = 1 / (1 + np.exp(-logits))
    return float((-np.log(p[GENUINE]).mean() - np.log(1 - p[IMPOSTOR]).mean()) / 2)


@pytest.mark.parametrize("margin", [0.2, 1.5])
def test_triplet_beside_loops(margin):
    found = Triplet(margin=margin).batch(LABELS, X, EUCLIDEAN)
    assert float(found) == pytest.approx(triplet_by_hand(X, margin), rel=1e-5)


def test_triplet_by_hand():
    # On a line: 0 and 1 are one identity, impostors at 1.1 and 5. From 0 the semi-hard impostor is 1.1: 1 - 1.1 + 0.3.
    # From 1 it is 5, for 1.1 is closer than the positive: 1 - 4 + 0.3 is less than nothing.
    x = np.array([[0.0], [1.0], [1.1], [5.0]], np.float32)
    assert float(Triplet(margin=0.3).batch(np.array([1, 1, 2, 3]), x, EUCLIDEAN)) == pytest.approx(0.1)


@pytest.mark.parametrize("epsilon", [0.0, 0.1, 3.0])
def test_multi_similarity_beside_loops(epsilon):
    options = {"alpha": 2.0, "beta": 40.0, "base": 0.4, "epsilon": epsilon}
    assert float(MultiSimilarity(**options).batch(LABELS, X, EUCLIDEAN)) == pytest.approx(
        multi_similarity_by_hand(X, **options), rel=1e-5
    )


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_supervised_contrastive_beside_loops(temperature):
    found = SupervisedContrastive(temperature=temperature).batch(LABELS, X, EUCLIDEAN)
    assert float(found) == pytest.approx(supervised_contrastive_by_hand(X, temperature), rel=1e-5)


def test_binary_cross_entropy_beside_loops():
    logits = 5 * (0.7 - euclidean(X))
    assert float(BinaryCrossEntropy().batch(LABELS, logits, EUCLIDEAN)) == pytest.approx(
        binary_cross_entropy_by_hand(logits), rel=1e-5
    )


def loss_of(name: str, labels: np.ndarray, x: tf.Tensor | np.ndarray, **options) -> tf.Tensor:
    """The loss ``name`` as the training has it: with its head where the loss has one."""
    settings = LossSettings(name=name, **options)
    if head := settings.chosen.head(1.0):
        x = head(DISTANCES[settings.distance].pairwise(x))
    return build_loss(settings)(tf.constant(labels), x)


every_loss = pytest.mark.parametrize("name", IN_BATCH)


@every_loss
def test_good_embeddings_are_cheap_and_exchanged_they_are_expensive(name):
    who = np.array([0, 0, 1, 1, 2, 2])
    good = np.eye(3, dtype=np.float32)[who]
    bad = np.eye(3, dtype=np.float32)[[0, 1, 1, 2, 2, 0]]  # genuine pairs far apart, impostors together
    assert float(loss_of(name, who, good)) < float(loss_of(name, who, bad)) - 0.1


@every_loss
def test_the_order_of_the_batch_does_not_matter(name):
    order = np.random.default_rng(1).permutation(len(LABELS))
    assert float(loss_of(name, LABELS[order], X[order])) == pytest.approx(float(loss_of(name, LABELS, X)), rel=1e-5)


@every_loss
def test_what_forgeries_are_to_each_other_costs_nothing(name):
    """Two forgeries move together, all their distances to the others stay: mirrored across the others' plane."""
    x = X.copy()
    x[:6, 3] = 0
    apart = x.copy()
    x[7] = x[6]
    apart[7] = x[6] * [1, 1, 1, -1]
    assert float(loss_of(name, LABELS, apart)) == pytest.approx(float(loss_of(name, LABELS, x)), rel=1e-5)


@every_loss
def test_a_forgery_is_an_impostor_to_those_that_it_imitates(name):
    who = np.array([0, 0, 1, 1, FORGED])
    x = np.eye(5, dtype=np.float32)[[0, 0, 1, 1, 2]]
    x[[1, 3], 3] = 0.2
    taken_in = x.copy()
    taken_in[4] = [1, 0, 0, 0, 0.25]  # a little further from the identity's images than they are from each other
    assert float(loss_of(name, who, taken_in)) > float(loss_of(name, who, x)) + 0.02


@pytest.mark.parametrize(
    ("name", "distance"),
    [
        *((name, "euclidean") for name in IN_BATCH),
        *((name, distance) for name in ("contrastive", "triplet") for distance in ("cosine", "manhattan")),
    ],
)
@pytest.mark.parametrize(
    "labels", [[0, 0, 1, 1], [0, 0, 0, 0], [0, 1, 2, 3], [FORGED] * 4], ids=["both", "genuine", "impostors", "forged"]
)
@pytest.mark.parametrize("given", ["alike", "zero", "different"])
def test_gradients_are_finite_at_distance_zero_and_where_a_kind_is_missing(name, distance, labels, given):
    x = tf.Variable(
        {"alike": np.ones((4, 3), np.float32), "zero": np.zeros((4, 3), np.float32), "different": X[:4]}[given]
    )
    with tf.GradientTape() as tape:
        loss = loss_of(name, np.array(labels), x, distance=distance)
    gradient = tape.gradient(loss, x)
    assert np.isfinite(float(loss))
    assert gradient is None or np.isfinite(gradient.numpy()).all()


@every_loss
def test_half_precision_is_computed_in_single(name):
    half = tf.cast(X, tf.bfloat16)
    loss = loss_of(name, LABELS, half)
    assert loss.dtype == tf.float32
    assert float(loss) == pytest.approx(float(loss_of(name, LABELS, tf.cast(half, tf.float32))), rel=1e-2)


@every_loss
def test_options_reach_the_loss(name):
    labels = np.arange(30) % 6
    x = np.random.default_rng(2).normal(size=(30, 4)).astype(np.float32) * 0.4
    given = LossSettings(name=name)
    for option, value in given.options().items():
        changed = LossSettings(name=name, **{option: value * 0.7})
        assert float(build_loss(changed)(labels, x)) != float(build_loss(given)(labels, x)), option
