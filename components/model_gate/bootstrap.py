"""A bootstrap over identities: how far chance in *who* was tested moves a measure.

Pairs of one identity stand or fall together, so identities are drawn, not pairs: an identity drawn k times weighs its
genuine pairs by k, and an impostor pair by the product of its two identities' draws (Snijders and Borgatti 1999;
Owen and Eckles 2012: never too narrow but for few identities). For those, bounds are taken further out, as
Hesterberg (2015) has it. In a closed set, where all identities are known, images are drawn instead.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from models.calibration import Floats

_BLOCK = 4_000_000  # weights in memory at once: 32 MB


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


def draw(units: Units, resamples: int, seed: int) -> Iterator[Floats]:
    """Blocks of pair weights, [some resamples, n]: ``resamples`` in all, the same for the same seed."""
    rng = np.random.default_rng(seed)
    alone = units.a == units.b
    rows = max(1, _BLOCK // max(len(units.a), 1))
    even = np.full(units.count, 1 / units.count)
    for start in range(0, resamples, rows):
        drawn = rng.multinomial(units.count, even, size=min(rows, resamples - start)).astype(np.float64)
        yield np.where(alone, drawn[:, units.a], drawn[:, units.a] * drawn[:, units.b])


def replicate(
    measure: Callable[[Floats], dict[str, Floats]], units: Units, resamples: int, seed: int
) -> dict[str, Floats]:
    """[resamples] values of each measure."""
    blocks = [measure(weights) for weights in draw(units, resamples, seed)]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def bounds(replicates: Floats, units: int, confidence: float) -> tuple[float, float]:
    """(lower, upper), each one-sided at ``confidence``: percentiles, taken further out where units are few.

    NaN where a measure had no meaning in more than half of the resamples, or nothing can be drawn.
    """
    usable = replicates[np.isfinite(replicates)]
    if units < 2 or len(usable) < len(replicates) / 2:
        return float("nan"), float("nan")
    tail = stats.norm.cdf(-np.sqrt(units / (units - 1)) * stats.t.ppf(confidence, units - 1))
    low, high = np.quantile(usable, [tail, 1 - tail])
    return float(low), float(high)
