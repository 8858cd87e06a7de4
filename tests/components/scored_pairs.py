"""Simulated test pairs of models that are as good as asked for."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from components.pair_scores.table import FILE, SCHEMA, ScoredPairs
from models.verification.calibration import Calibration

CALIBRATION = Calibration(threshold=0.5, slope=8.0)


def distances(same, skill, rng):
    """``skill`` standard deviations lie between both kinds."""
    return np.clip(0.5 + 0.15 * (rng.normal(size=len(same)) + np.where(same, -skill / 2, skill / 2)), 0, 2)


def scored(distance):
    return CALIBRATION.score(distance)


def made(identities=40, pairs=20, skill=3.5, seed=0, groups=0, pixel_skill=0.5):
    """``pairs`` pairs of each kind an identity, of images that each occur twice; no baseline."""
    rng = np.random.default_rng(seed)
    a = np.tile(np.arange(identities), 2 * pairs)
    same = np.repeat([True, False], identities * pairs)
    b = np.where(same, a, (a + rng.integers(1, identities, len(a))) % identities)
    if groups:  # impostors of the same group: identities apart by a multiple of ``groups``
        steps = rng.integers(1, identities // groups, len(a)) * groups
        b = np.where(same, a, (a + steps) % identities)
    distance = distances(same, skill, rng)

    def named(units, side):
        return np.array([f"{unit}/{side}{number % (2 * pairs)}" for number, unit in enumerate(units)], object)

    kind = np.where(same, "genuine", "impostor_random").astype(object)
    group = np.array([f"g{unit % groups}" if groups else "" for unit in a], object)
    return ScoredPairs(
        same=same,
        score=scored(distance),
        distance=distance,
        baseline_score=None,
        baseline_distance=None,
        pixel_distance=distances(same, pixel_skill, rng),
        identities=(a.astype(str).astype(object), b.astype(str).astype(object)),
        images=(named(a, "a"), named(b, "b")),
        slices={
            "kind": kind,
            "group": group,
            "identity_size": np.full(len(a), "5-9", object),
            "quality": np.full(len(a), "good", object),
        },
    )


def against(pairs, distance, score=None):
    """The same pairs beside a served model."""
    return replace(pairs, baseline_distance=distance, baseline_score=scored(distance) if score is None else score)


def with_scores(pairs, distance, score=None):
    """The same pairs under another candidate."""
    return replace(pairs, distance=distance, score=scored(distance) if score is None else score)


def worse(pairs, errors, where=None, seed=1):
    """Distances where a share ``errors`` of the pairs (of those in ``where``) is misclassified by force."""
    rng = np.random.default_rng(seed)
    hit = (rng.random(len(pairs.same)) < errors) & (True if where is None else where)
    return np.where(hit, np.where(pairs.same, 0.9, 0.1), pairs.distance)


def write_table(folder, pairs):
    """Writes ``scores.parquet`` as PairScores does."""
    folder.mkdir()
    nothing = [None] * len(pairs.same)
    names = {"image": pairs.images, "identity": pairs.identities}
    columns = {
        "pair_id": [f"{a}|{b}" for a, b in zip(*pairs.images, strict=True)],
        **{f"{what}_{side}": both[n].tolist() for what, both in names.items() for n, side in enumerate("ab")},
        **{name: column.tolist() for name, column in pairs.slices.items()},
        "same": pairs.same.astype(np.int8),
        "score": pairs.score,
        "distance": pairs.distance,
        "baseline_score": nothing if pairs.baseline_score is None else pairs.baseline_score,
        "baseline_distance": nothing if pairs.baseline_distance is None else pairs.baseline_distance,
        "pixel_distance": pairs.pixel_distance,
    }
    pq.write_table(pa.table(columns).cast(SCHEMA), str(folder / FILE))
