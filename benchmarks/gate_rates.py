"""Simulated rates at which the gate blesses candidates of known quality, compared with naive rules.

Two models score the same simulated test pairs. Whether a model errs on a pair is a normal variable below a threshold:
one part of it belongs to the identities of the pair (some are hard for every model), the rest to the pair; and a share
of both is common to the two models. So a model's error rate is known, and so is the true loss. The decision is the
gate's own code.

Columns: ``loss``, the true loss over the allowed one; ``blessed``, by the gate with its defaults; ``unresolved``, the
test split is too small to decide, and the measured change decides; ``strict``, blessed with
``gates.unresolved: refuse``; then two rules that the gate does not use: ``point``, the measured loss is within the
allowed one, and ``by pair``, the same lower bound with independent pairs. Needs no TensorFlow.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from components.gates.model_gate.baseline_gates import Change, Test, change_gate
from components.gates.model_gate.bootstrap import Units, bounds, standard_errors
from components.gates.model_gate.settings import GateSettings, MeasureSettings
from models.verification.arrays import Floats
from models.verification.metrics import PairMetrics

LOSSES = (-1.0, 0.0, 0.5, 1.0, 1.5, 2.0)  # true loss over the allowed one; negative: the candidate is better
ERRORS = 0.08  # of the served model
OF_UNIT = 0.5  # standard deviation of the identities' part (in a closed set: the images'); the sum has 1
COMMON = 0.6  # share of the variance that both models have in common

Bools = NDArray[np.bool_]
_RULES: tuple[Literal["point", "refuse"], ...] = ("point", "refuse")


@dataclass(frozen=True)
class Design:
    """A test split: ``units`` identities (in a closed set: images) with ``pairs`` pairs each, half of them genuine."""

    units: int
    pairs: int
    allowed: float
    closed: bool = False

    @property
    def drawn(self) -> str:
        """The plural noun of the units."""
        return "images" if self.closed else "identities"


DESIGNS = (
    *(Design(units, 40, allowed) for units in (10, 20, 40) for allowed in (0.02, 0.05)),
    *(Design(150, 40, allowed) for allowed in (0.01, 0.02, 0.05)),
    *(Design(units, 3, allowed, closed=True) for units in (360, 1500) for allowed in (0.01, 0.02)),
)


def main() -> None:
    """Prints the table, as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--splits", type=int, default=200, help="simulated test splits a row")
    parser.add_argument("--resamples", type=int, default=300, help="of each bootstrap")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    started = time.monotonic()
    print("| drawn | allowed | loss | blessed | unresolved | strict | point | by pair |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for design in DESIGNS:
        for loss, shares in rates(design, arguments.splits, arguments.resamples, arguments.seed).items():
            cells = " | ".join(f"{share:.3f}" for share in shares.values())
            print(f"| {design.units:,} {design.drawn} | {design.allowed:g} | {loss:+.1f} | {cells} |", flush=True)
    print(f"\n{arguments.splits} splits a row, {arguments.resamples} resamples, seed {arguments.seed}; ", end="")
    print(f"{time.monotonic() - started:.0f} s")


def rates(design: Design, splits: int, resamples: int, seed: int) -> dict[float, dict[str, float]]:
    """By true loss over the allowed one: the share of the splits on which each rule blesses the candidate."""
    rng = np.random.default_rng([seed, design.units, int(design.allowed * 1e6)])
    decisions: dict[float, list[dict[str, bool]]] = {loss: [] for loss in LOSSES}
    for _ in range(splits):
        for loss, blessed in _decide_split(design, resamples, rng):
            decisions[loss].append(blessed)
    return {
        loss: {rule: float(np.mean([one[rule] for one in every])) for rule in every[0]}
        for loss, every in decisions.items()
    }


def _decide_split(design: Design, resamples: int, rng: np.random.Generator) -> Iterator[tuple[float, dict[str, bool]]]:
    units, same = _pairs(design, rng)
    common, own, theirs = (_latent(units, rng) for _ in range(3))
    served_errs = _errs(common, theirs, ERRORS)
    served = _scored(same, served_errs)
    errs = {str(loss): _errs(common, own, ERRORS + loss * design.allowed) for loss in LOSSES}
    candidates = {name: _scored(same, wrong) for name, wrong in errs.items()}

    def gains(weights: Floats) -> dict[str, Floats]:
        reference = served.measure(["accuracy"], weights)["accuracy"]
        return {name: one.measure(["accuracy"], weights)["accuracy"] - reference for name, one in candidates.items()}

    gates = GateSettings()
    measured = gains(np.ones((1, len(same))))
    errors = standard_errors(gains, units, resamples, seed=int(rng.integers(1 << 32)))
    for loss in LOSSES:
        name = str(loss)
        gain = float(measured[name][0])
        bound = bounds(gain, errors[name], units.count, gates.confidence)
        change = Change("accuracy", 1 - float(errs[name].mean()), 1 - float(served_errs.mean()), gain, *bound)
        default, strict = (
            change_gate(
                change, design.allowed, Test(gates.confidence, units.count, design.drawn, gates.min_identities, rule)
            )
            for rule in _RULES
        )
        by_pair = (errs[name].astype(float) - served_errs.astype(float)).std() / np.sqrt(len(same))
        yield (
            loss,
            {
                "blessed": default.passed,
                "unresolved": "cannot resolve" in default.reason,
                "strict": strict.passed,
                "point": gain >= -design.allowed,
                "by pair": gain - stats.norm.ppf(gates.confidence) * by_pair >= -design.allowed,
            },
        )


def _pairs(design: Design, rng: np.random.Generator) -> tuple[Units, Bools]:
    """The units of each pair, and whether it is genuine: half are, of two images in a closed set."""
    half = design.units * design.pairs // 2
    a, b = (np.tile(rng.permutation(design.units), half // design.units + 1)[:half] for _ in range(2))
    other = (b + (a == b) * rng.integers(1, design.units, half)) % design.units
    beside = (a + rng.integers(1, design.units, half)) % design.units if design.closed else a
    same = np.repeat([True, False], half)
    return Units(design.units, np.concatenate([a, a]), np.concatenate([beside, other])), same


def _latent(units: Units, rng: np.random.Generator) -> Floats:
    """[pairs], each of mean 0 and variance 1: the units' part and the pair's own."""
    of_unit = rng.normal(size=units.count)
    both = np.where(units.a == units.b, of_unit[units.a], (of_unit[units.a] + of_unit[units.b]) / np.sqrt(2))
    return np.asarray(OF_UNIT * both + np.sqrt(1 - OF_UNIT**2) * rng.normal(size=len(units.a)))


def _errs(common: Floats, own: Floats, rate: float) -> Bools:
    """[pairs], True where a model errs: at the ``rate``, correlated with the other model."""
    return np.asarray(np.sqrt(COMMON) * common + np.sqrt(1 - COMMON) * own < stats.norm.ppf(rate))


def _scored(same: Bools, errs: Bools) -> PairMetrics:
    score: Floats = np.where(same != errs, 0.9, 0.1)
    return PairMetrics(same, score, np.subtract(1.0, score), MeasureSettings())


if __name__ == "__main__":
    main()
