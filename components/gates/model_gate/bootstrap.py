"""A bootstrap over identities: how far chance in *who* was tested moves a measure.

Pairs of one identity stand or fall together, so identities are drawn, not pairs: an identity drawn k times weighs its
genuine pairs by k, and an impostor pair by the product of its two identities' draws (Snijders and Borgatti 1999). In a
closed set, where all identities are known, images are drawn instead.

Such products are never too steady, but they count what is a pair's own three times over (Owen and Eckles 2012), which
doubles the error where units have few pairs each. So two shares of it are taken off again, as far as the units are
many enough to tell; what is left is the variance of Fafchamps and Gubert (2007). Bounds are Student's, of as many
identities as there are: percentiles reach too few of the outcomes where identities are few (Hesterberg 2015).
``benchmarks/gate_rates.py`` measures how often the bounds hold.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from models.verification.arrays import Floats

_BLOCK = 4_000_000  # weights in memory at once: 32 MB
_MEANT = 0.95  # of the resamples in which a measure must have a meaning
_TELLING = 20  # units: with no more, nothing is taken off

Measure = Callable[[Floats], dict[str, Floats]]  # weights [resamples, n] -> values [resamples], by name


@dataclass(frozen=True)
class Units:
    """What is drawn: ``count`` identities (or images), of which pair i joins ``a[i]`` and ``b[i]``."""

    count: int
    a: NDArray[np.int64]
    b: NDArray[np.int64]

    @classmethod
    def of(cls, a: NDArray[np.object_], b: NDArray[np.object_]) -> "Units":
        """From the names on both sides, [n] and [n]."""
        names, codes = np.unique(np.concatenate([a, b]).astype(str), return_inverse=True)
        return cls(len(names), codes[: len(a)], codes[len(a) :])

    def take(self, kept: NDArray[np.bool_]) -> "Units":
        """Those that the kept pairs join."""
        joined, codes = np.unique(np.concatenate([self.a[kept], self.b[kept]]), return_inverse=True)
        half = int(kept.sum())
        return Units(len(joined), codes[:half], codes[half:])

    @property
    def alone(self) -> NDArray[np.bool_]:
        """[n], True for a pair within one unit."""
        return self.a == self.b

    @property
    def cells(self) -> NDArray[np.int64]:
        """[n], equal for pairs that join the same two units."""
        low, high = np.minimum(self.a, self.b), np.maximum(self.a, self.b)
        return np.asarray(np.unique(low * self.count + high, return_inverse=True)[1])


def draw(units: Units, resamples: int, seed: int) -> Iterator[Floats]:
    """Blocks of pair weights, [some resamples, n]: ``resamples`` in all, the same for the same seed."""
    rng = np.random.default_rng(seed)
    alone, even = units.alone, np.full(units.count, 1 / units.count)
    for rows in _blocks(units, resamples):
        drawn = rng.multinomial(units.count, even, size=rows).astype(np.float64)
        yield np.where(alone, drawn[:, units.a], drawn[:, units.a] * drawn[:, units.b])


def standard_errors(measure: Measure, units: Units, resamples: int, seed: int) -> dict[str, float]:
    """How far chance in who was tested moves each measure, as a standard deviation.

    NaN where a measure has no meaning in more than a few of the resamples: a measure of impostor pairs of three
    identities, or a precision where almost nothing is called the same.
    """
    spread = _variances(measure, draw(units, resamples, seed))
    telling = max(0.0, 1 - _TELLING / units.count)
    if not telling or units.alone.all():
        return {name: float(np.sqrt(variance)) for name, variance in spread.items()}
    own = _variances(measure, _draw_cells(units, resamples, seed))
    return {
        name: float(np.sqrt(max(variance - 2 * telling * np.nan_to_num(own[name]), variance / 3)))
        for name, variance in spread.items()
    }


def bounds(value: float, error: float, units: int, confidence: float) -> tuple[float, float]:
    """(lower, upper), each one-sided at ``confidence``; NaN where nothing can be drawn or the error is not known."""
    if units < 2:
        return float("nan"), float("nan")
    reach = error * float(np.sqrt(units / (units - 1)) * stats.t.ppf(confidence, units - 1))
    return value - reach, value + reach


def _draw_cells(units: Units, resamples: int, seed: int) -> Iterator[Floats]:
    """Weights that move each two units' pairs on their own, and no pair within a unit."""
    rng = np.random.default_rng([seed, 1])
    cells, alone = units.cells, units.alone
    for rows in _blocks(units, resamples):
        yield np.where(alone, 1.0, rng.exponential(size=(rows, int(cells.max()) + 1))[:, cells])


def _variances(measure: Measure, blocks: Iterator[Floats]) -> dict[str, float]:
    measured = [measure(weights) for weights in blocks]
    return {name: _variance(np.concatenate([block[name] for block in measured])) for name in measured[0]}


def _variance(values: Floats) -> float:
    meant = values[np.isfinite(values)]
    return float(meant.var()) if len(meant) >= _MEANT * len(values) else float("nan")


def _blocks(units: Units, resamples: int) -> Iterator[int]:
    rows = max(1, _BLOCK // max(len(units.a), 1))
    for start in range(0, resamples, rows):
        yield min(rows, resamples - start)
