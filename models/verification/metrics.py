"""Measures of a verifier over scored pairs. NumPy only. Polarity: a small distance says "the same".

One truth for each kind of measure, here, in TFMA and in the bootstrap:

- what ranks pairs (AUC, average precision, EER, TAR@FAR) is made of the *distance*: as float32 the score saturates at 0
  and 1, where it ties pairs that the distance tells apart;
- what judges at the operating threshold, and the calibration, is made of the *score*: that is what serves.

``weights`` counts each pair so many times; none: once. A measure without a meaning (one kind of pair only, no pairs,
or a value that is not finite) is NaN, which no gate passes.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.verification.calibration import Floats

FARS = (0.01, 0.1, 0.001)
GENUINE_PRIOR = 0.01
CALIBRATION_BINS = 15

Bools = NDArray[np.bool_]

# Measures of which more is better, and of which less is. ``tar_at_far_<far>`` comes on top, by the configured FARs.
HIGHER_IS_BETTER = (
    "accuracy",
    "precision",
    "recall",
    "f1",
    "auc",
    "average_precision",
    "tar_at_far",
    "precision_at_prior",
)
LOWER_IS_BETTER = ("eer", "calibration_error")

TAR_AT_FAR = "tar_at_far_"


def higher_is_better(name: str) -> bool:
    """The direction of a measure."""
    return name not in LOWER_IS_BETTER


def needs_both_kinds(name: str) -> bool:
    """Whether a measure says nothing of genuine pairs alone, or of impostors alone."""
    return name != "accuracy"


def verification_measures(
    same: NDArray[np.integer],
    distance: Floats,
    threshold: float,
    score: Floats | None = None,
    *,
    fars: Sequence[float] = FARS,
    genuine_prior: float = GENUINE_PRIOR,
    weights: Floats | None = None,
) -> dict[str, float]:
    """Every measure by name; NaN where one has no meaning (precision when nothing is called the same).

    Args:
      same: [n], 1 genuine, 0 impostor.
      distance: [n].
      threshold: pairs closer than this are called the same.
      score: [n] in [0, 1], higher is more alike; without it there is no ``calibration_error``.
      fars: false accept rates of ``tar_at_far_<far>``; ``tar_at_far`` is that of the first.
      genuine_prior: share of genuine pairs in ``precision_at_prior``.
      weights: [n], how often each pair counts.
    """
    truth, called = np.asarray(same).astype(bool), np.asarray(distance) < threshold
    tars = {far: tar_at_far(truth, distance, far, weights) for far in fars}
    measures = {
        **verdict_measures(truth, called, weights),
        "auc": area_under_curve(truth, distance, weights),
        "average_precision": average_precision(truth, distance, weights),
        "tar_at_far": tars[fars[0]],
        "precision_at_prior": precision_at_prior(truth, called, genuine_prior, weights),
        "eer": equal_error_rate(truth, distance, weights),
    }
    if score is not None:
        measures["calibration_error"] = calibration_error(truth, score, CALIBRATION_BINS, weights)
    return measures | {f"tar_at_far_{far:g}": value for far, value in tars.items()}


def verdict_measures(same: Bools, called: Bools, weights: Floats | None = None) -> dict[str, float]:
    """Accuracy, precision, recall and F1 of verdicts: ``called`` [n] is True where the verdict is "the same"."""
    count = verdict_counts(same, called, weights)
    hits, wrongly, missed = (count[name] for name in ("true_positives", "false_positives", "false_negatives"))
    return {
        "accuracy": _ratio(hits + count["true_negatives"], sum(count.values())),
        "precision": _ratio(hits, hits + wrongly),
        "recall": _ratio(hits, hits + missed),
        "f1": _ratio(2 * hits, 2 * hits + wrongly + missed),
    }


def verdict_counts(same: Bools, called: Bools, weights: Floats | None = None) -> dict[str, float]:
    """The four cells of the confusion matrix; positive is "the same"."""
    counted = _weights(same, weights)
    return {
        "true_positives": float(counted[same & called].sum()),
        "true_negatives": float(counted[~same & ~called].sum()),
        "false_positives": float(counted[~same & called].sum()),
        "false_negatives": float(counted[same & ~called].sum()),
    }


def area_under_curve(same: Bools, distance: Floats, weights: Floats | None = None) -> float:
    """The chance that a genuine pair is closer than an impostor pair; ties count half."""
    tar, far = _rates(same, distance, weights)
    return float((np.diff(far) * (tar[1:] + tar[:-1]) / 2).sum())


def average_precision(same: Bools, distance: Floats, weights: Floats | None = None) -> float:
    """The mean of the precision over the thresholds, each weighted by the recall that it adds (no interpolation)."""
    genuine, impostors = _accepted(same, distance, weights)
    accepted = genuine + impostors
    precision = np.divide(genuine, accepted, out=np.zeros_like(accepted), where=accepted > 0)
    tar, far = _rates(same, distance, weights)
    return float((np.diff(tar) * precision[1:]).sum() + 0 * far[-1])


def equal_error_rate(same: Bools, distance: Floats, weights: Floats | None = None) -> float:
    """Where false accepts and false rejects are equally frequent, linear between the two thresholds around it."""
    tar, far = _rates(same, distance, weights)
    gap = far - (1 - tar)
    after = int(np.argmax(gap >= 0))
    before = max(after - 1, 0)
    span = gap[after] - gap[before]
    share = -gap[before] / span if span else 0.0
    return float(far[before] + share * (far[after] - far[before]))


def tar_at_far(same: Bools, distance: Floats, far: float, weights: Floats | None = None) -> float:
    """The highest share of genuine pairs accepted at a threshold that accepts at most ``far`` of the impostors."""
    tars, fars = _rates(same, distance, weights)
    return float(np.where(fars <= far, tars, 0.0).max() + 0 * (tars[-1] + fars[-1]))


def calibration_error(same: Bools, score: Floats, bins: int = CALIBRATION_BINS, weights: Floats | None = None) -> float:
    """Expected calibration error: how far the score is from the share of genuine pairs, on average over the pairs.

    The scores are cut into ``bins`` of equal width, [0, 1/bins), ..., [1 - 1/bins, 1]; in each, the mean score is
    compared with the share of genuine pairs (Naeini et al. 2015). Pairs are half genuine, so it says nothing of
    another share.
    """
    score, counted = np.asarray(score, np.float64), _weights(same, weights)
    if not np.isfinite(score).all():
        return float("nan")
    which = np.clip((score * bins).astype(np.int64), 0, bins - 1)
    gaps = np.bincount(which, counted * (score - same), minlength=bins)
    return _ratio(float(np.abs(gaps).sum()), float(counted.sum()))


def precision_at_prior(same: Bools, called: Bools, prior: float, weights: Floats | None = None) -> float:
    """The precision where ``prior`` of the pairs are genuine: prior TPR / (prior TPR + (1 - prior) FPR).

    Args:
      same: [n], True genuine.
      called: [n], True where the verdict is "the same".
      prior: share of genuine pairs, 0..1.
      weights: [n].
    """
    count = verdict_counts(same, called, weights)
    tpr = _ratio(count["true_positives"], count["true_positives"] + count["false_negatives"])
    fpr = _ratio(count["false_positives"], count["false_positives"] + count["true_negatives"])
    return _ratio(prior * tpr, prior * tpr + (1 - prior) * fpr)


def _rates(same: Bools, distance: Floats, weights: Floats | None) -> tuple[Floats, Floats]:
    """(TAR, FAR) from the strictest threshold, which accepts nothing, to the one that accepts everything."""
    tar, far = (
        counts / counts[-1] if counts[-1] > 0 else np.full_like(counts, np.nan)
        for counts in _accepted(same, distance, weights)
    )
    return tar, far


def _accepted(same: Bools, distance: Floats, weights: Floats | None) -> tuple[Floats, Floats]:
    """(genuine, impostor) weight accepted from the strictest threshold on; two NaN where nothing can be ranked."""
    distance, counted = np.asarray(distance), _weights(same, weights)
    if not len(distance) or not np.isfinite(distance).all():
        return np.full(2, np.nan), np.full(2, np.nan)
    order = np.argsort(distance, kind="stable")
    ordered, genuine, counted = distance[order], same[order], counted[order]
    last = np.append(ordered[1:] > ordered[:-1], True)  # equal distances are accepted together
    accepted, wrongly = (np.append(0.0, np.cumsum(counted * side)[last]) for side in (genuine, ~genuine))
    return accepted, wrongly


def _weights(same: Bools, weights: Floats | None) -> Floats:
    return np.ones(len(same)) if weights is None else np.asarray(weights, np.float64)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else float("nan")
