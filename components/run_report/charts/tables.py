"""The numbers of the charts as tables."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from components.pair_scores.table import ScoredPairs
from components.run_report.charts.curves import at_thresholds, reliability, score_shares
from components.run_report.charts.training_logs import Curve
from models.verification.rates import RocCurve

_FARS = (0.001, 0.01, 0.05, 0.1, 0.2)
_BINS = 10
_MOST_EPOCHS = 50


class Table(NamedTuple):
    """Text in rows; the first cell of each is its heading."""

    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]


def at_false_accepts(scores: ScoredPairs, names: tuple[str, str], *, missed: bool = False) -> Table:
    """The true accept rate at usual false accept rates, of both models.

    Args:
      scores: of the test pairs.
      names: of the model and of the baseline.
      missed: the false reject rate instead.
    """
    models = [(names[0], scores.distance)]
    if scores.baseline_distance is not None:
        models.append((names[1], scores.baseline_distance))
    curves = [RocCurve.of(scores.same, distance) for _, distance in models]
    tars = [[float(curve.tar_at(far)[0]) for curve in curves] for far in _FARS]
    rate = "false reject rate" if missed else "true accept rate"
    return Table(
        ("false accept rate, at most", *(f"{name}: {rate}" for name, _ in models)),
        [
            (f"{100 * far:g}%", *(_share(1 - tar if missed else tar) for tar in row))
            for far, row in zip(_FARS, tars, strict=True)
        ],
    )


def scores_of(scores: ScoredPairs, names: tuple[str, str] | None = None) -> Table:
    """Share of the genuine and of the impostor pairs in each tenth of the scores.

    Args:
      scores: of the test pairs.
      names: of the model and of the baseline, to show both.
    """
    columns = [("", scores.score)]
    if names and scores.baseline_score is not None:
        columns = [(f"{names[0]}: ", scores.score), (f"{names[1]}: ", scores.baseline_score)]
    shares = [share for _, score in columns for share in score_shares(scores.same, score, _BINS)]
    return Table(
        ("score", *(f"{name}{kind} pairs" for name, _ in columns for kind in ("genuine", "impostor"))),
        [
            (f"{bin_ / _BINS:g} to {(bin_ + 1) / _BINS:g}", *(_share(share[bin_]) for share in shares))
            for bin_ in range(_BINS)
        ],
    )


def over_threshold(scores: ScoredPairs) -> Table:
    """Precision, recall and false accept rate at nine thresholds."""
    thresholds = np.arange(1, _BINS) / _BINS
    found = at_thresholds(scores.same, scores.score, thresholds)
    columns = found.precision, found.recall, found.far
    return Table(
        ("threshold", "precision", "recall", "false accept rate"),
        [(f"{at:g}", *map(_share, row)) for at, row in zip(thresholds, zip(*columns, strict=True), strict=True)],
    )


def calibration(scores: ScoredPairs) -> Table:
    """The share of genuine pairs by score."""
    return Table(
        ("mean score", "genuine", "pairs"),
        [(f"{one.score:.3f}", _share(one.genuine), f"{one.pairs:,}") for one in reliability(scores)],
    )


def epochs(curves: Mapping[str, Curve]) -> Table:
    """The value of each curve by epoch; a long training is thinned out, and keeps its last epoch."""
    values = {name: dict(curve) for name, curve in curves.items()}
    known = sorted({epoch for curve in values.values() for epoch in curve})
    kept = np.unique(np.linspace(0, len(known) - 1, min(_MOST_EPOCHS, len(known))).astype(int))
    return Table(
        ("epoch", *values),
        [
            (str(epoch), *(f"{curve[epoch]:.4f}" if epoch in curve else "" for curve in values.values()))
            for epoch in (known[index] for index in kept)
        ],
    )


def durations(seconds: Mapping[str, float], memory: Mapping[str, float]) -> Table:
    """Seconds of each component, and its peak memory if measured."""
    return Table(
        ("component", "seconds", "peak memory, MB"),
        [(name, f"{took:.1f}", f"{memory[name]:,.0f}" if name in memory else "") for name, took in seconds.items()],
    )


def _share(value: float) -> str:
    return "none" if np.isnan(value) else f"{100 * value:.2f}%"
