"""Measures of a verifier over scored pairs. NumPy only. Polarity: a small distance says "the same"."""

import numpy as np
from numpy.typing import NDArray

from models.calibration import Floats, auc

FARS = (0.1, 0.01, 0.001)


def verification_measures(same: NDArray[np.integer], distance: Floats, threshold: float) -> dict[str, float]:
    """Accuracy, precision, recall and F1 at ``threshold``; AUC, EER and TAR@FAR over all thresholds.

    Args:
      same: [n], 1 genuine, 0 impostor.
      distance: [n].
      threshold: pairs closer than this are called the same.

    Returns:
      By name; NaN where a measure has no meaning (precision when nothing is called the same, AUC with one kind only).
    """
    truth, called = np.asarray(same).astype(bool), distance < threshold
    hits, called_same, genuine = (truth & called).sum(), called.sum(), truth.sum()
    precision = hits / called_same if called_same else np.nan
    recall = hits / genuine if genuine else np.nan
    measures = {
        "accuracy": (truth == called).mean(),
        "precision": precision,
        "recall": recall,
        "f1": 2 * hits / (called_same + genuine) if called_same + genuine else np.nan,
    }
    both = genuine and not truth.all()
    measures["auc"] = auc(truth, distance) if both else np.nan
    measures["eer"] = equal_error_rate(truth, distance) if both else np.nan
    for far in FARS:
        measures[f"tar_at_far_{far:g}"] = tar_at_far(truth, distance, far) if both else np.nan
    return {name: float(value) for name, value in measures.items()}


def equal_error_rate(same: NDArray[np.bool_], distance: Floats) -> float:
    """Where false accepts and false rejects are equally frequent, linear between the two thresholds around it."""
    tar, far = _roc(same, distance)
    gap = far - (1 - tar)
    after = int(np.argmax(gap >= 0))
    before = max(after - 1, 0)
    span = gap[after] - gap[before]
    weight = -gap[before] / span if span else 0.0
    return float(far[before] + weight * (far[after] - far[before]))


def tar_at_far(same: NDArray[np.bool_], distance: Floats, far: float) -> float:
    """The highest share of genuine pairs accepted at a threshold that accepts at most ``far`` of the impostors."""
    tars, fars = _roc(same, distance)
    return float(tars[fars <= far].max())


def _roc(same: NDArray[np.bool_], distance: Floats) -> tuple[Floats, Floats]:
    """(TAR, FAR) from the strictest threshold, which accepts nothing, to the one that accepts everything."""
    order = np.argsort(distance, kind="stable")
    ordered, genuine = distance[order], same[order]
    last = np.append(ordered[1:] > ordered[:-1], True)  # equal distances are accepted together
    accepted = np.cumsum(genuine)[last], np.cumsum(~genuine)[last]
    tar, far = (np.concatenate([[0.0], counts / max(counts[-1], 1)]) for counts in accepted)
    return tar, far
