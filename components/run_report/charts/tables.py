"""The charts' figures as tables: for who does not see them, and for who wants a number."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from components.pair_scores.table import ScoredPairs
from components.run_report.charts.curves import at_thresholds, reliability, score_shares
from components.run_report.charts.training_curves import Curve
from models.verification.rates import RocCurve

_FARS = (0.001, 0.01, 0.05, 0.1, 0.2)
_BINS = 10
_MOST_EPOCHS = 50


class Table(NamedTuple):
    """Text in rows, the first cell of each its heading."""

    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]


def at_false_accepts(scores: ScoredPairs, names: tuple[str, str], *, missed: bool = False) -> Table:
    """Share of genuine pairs that are accepted at usual shares of accepted impostors, of both models.

    Args:
      scores: of the test pairs.
      names: of the model and of the baseline.
      missed: of those that are not accepted.
    """
    models = [(names[0], scores.distance)]
    if scores.baseline_distance is not None:
        models.append((names[1], scores.baseline_distance))
    curves = [RocCurve.of(scores.same, distance) for _, distance in models]
    tars = [[float(curve.tar_at(far)[0]) for curve in curves] for far in _FARS]
    told = "genuine pairs missed" if missed else "genuine pairs accepted"
    return Table(
        ("impostors accepted, at most", *(f"{name}: {told}" for name, _ in models)),
        [
            (f"{100 * far:g}%", *(_share(1 - tar if missed else tar) for tar in row))
            for far, row in zip(_FARS, tars, strict=True)
        ],
    )


def scores_of(scores: ScoredPairs, names: tuple[str, str] | None = None) -> Table:
    """Share of the genuine and of the impostor pairs in each tenth of the scores.

    Args:
      scores: of the test pairs.
      names: of the model and of the baseline, where both are told.
    """
    columns = [("", scores.score)]
    if names and scores.baseline_score is not None:
        columns = [(f"{names[0]}: ", scores.score), (f"{names[1]}: ", scores.baseline_score)]
    shares = [share for _, score in columns for share in score_shares(scores.same, score, _BINS)]
    return Table(
        ("score", *(f"{name}{kind} pairs" for name, _ in columns for kind in ("genuine", "impostor"))),
        [
            (f"{place / _BINS:g} to {(place + 1) / _BINS:g}", *(_share(share[place]) for share in shares))
            for place in range(_BINS)
        ],
    )


def over_threshold(scores: ScoredPairs) -> Table:
    """Precision, recall and accepted impostors at nine thresholds."""
    thresholds = np.arange(1, _BINS) / _BINS
    found = at_thresholds(scores.same, scores.score, thresholds)
    columns = found.precision, found.recall, found.far
    return Table(
        ("called the same above", "precision", "recall", "impostors accepted"),
        [(f"{at:g}", *map(_share, row)) for at, row in zip(thresholds, zip(*columns, strict=True), strict=True)],
    )


def calibration(scores: ScoredPairs) -> Table:
    """How often pairs of like scores are genuine."""
    return Table(
        ("mean score", "genuine", "pairs"),
        [(f"{one.score:.3f}", _share(one.genuine), f"{one.pairs:,}") for one in reliability(scores)],
    )


def epochs(curves: Mapping[str, Curve]) -> Table:
    """Every curve's value in each epoch, the last one always; of a long training not every epoch."""
    values = {name: dict(curve) for name, curve in curves.items()}
    known = sorted({epoch for curve in values.values() for epoch in curve})
    kept = np.unique(np.linspace(0, len(known) - 1, min(_MOST_EPOCHS, len(known))).astype(int))
    return Table(
        ("epoch", *values),
        [
            (str(epoch), *(f"{curve[epoch]:.4f}" if epoch in curve else "" for curve in values.values()))
            for epoch in (known[place] for place in kept)
        ],
    )


def durations(seconds: Mapping[str, float], memory: Mapping[str, float]) -> Table:
    """Seconds of each component, and its peak of memory where that was measured."""
    return Table(
        ("component", "seconds", "peak of memory, MB"),
        [(name, f"{took:.1f}", f"{memory[name]:,.0f}" if name in memory else "") for name, took in seconds.items()],
    )


def _share(value: float) -> str:
    return "none" if np.isnan(value) else f"{100 * value:.2f}%"
