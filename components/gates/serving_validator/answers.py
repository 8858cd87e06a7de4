"""The decision: are the answers of a model those of the evaluated model?"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.gates.serving_validator.canary_requests import (
    AFTERWARDS,
    ALONE,
    ITSELF,
    JPEG,
    PYTHON,
    TOGETHER,
    Answers,
    key,
)
from models.export.inference import score_embeddings
from models.export.manifest import ModelManifest
from models.verification.arrays import Floats
from models.verification.calibration import Calibration

_TEXT = {
    TOGETHER: "for all pairs in one request",
    ALONE: "for one pair a request",
    PYTHON: "after tf.saved_model.load",
    ITSELF: "for an image and itself",
    JPEG: "for JPEG images",
    AFTERWARDS: "after a request that failed",
}
_REPEATED = (TOGETHER, ALONE, PYTHON, AFTERWARDS)  # the same pairs: the same answers


def refusal(
    answers: Answers, pair_ids: Sequence[str], score: Floats, manifest: ModelManifest, tolerance: float
) -> str | None:
    """The first error in the answers, in a sentence; None if there is none.

    Args:
      answers: to every canary request.
      pair_ids: [n].
      score: [n], of the pairs when the model was evaluated.
      manifest: of the model.
      tolerance: the largest difference between equal scores.
    """
    return next(_errors(answers, pair_ids, score, manifest, tolerance), None)


def _errors(
    answers: Answers, pair_ids: Sequence[str], score: Floats, manifest: ModelManifest, tolerance: float
) -> Iterator[str]:
    for name, values in answers.items():
        yield from _malformed(name, values, len(pair_ids), manifest.embedding)
    for way in _REPEATED:
        for signature in ("serving_default", "compare"):
            yield from _unequal(way, signature, answers[key(way, signature, "score")], score, pair_ids, tolerance)
        a, b = (answers[key(way, f"embed_{side}", "embedding")].astype(np.float32) for side in "ab")
        scores = score_embeddings(manifest, a, b)[1]
        yield from _unequal(way, "the distance of two embeddings", scores, score, pair_ids, tolerance)
    for way, signature in ((way, signature) for way in _REPEATED for signature in ("serving_default", "compare")):
        yield from _unlike_its_distance(way, signature, answers, manifest, tolerance)
    for way in (*_REPEATED, ITSELF, JPEG):
        same, scored = (answers[key(way, "compare", output)] for output in ("same", "score"))
        if (same != (scored > 0.5)).any():
            yield f"compare calls a pair the same though its score is not above 0.5, or the reverse, {_TEXT[way]}"
    highest = max(answers[key(way, "compare", "score")].max() for way in _REPEATED)
    itself = answers[key(ITSELF, "compare", "score")].min()
    if itself < highest - tolerance:
        yield f"an image and itself score {itself:.6g}, less than two different images, which score {highest:.6g}"


def _malformed(name: str, values: NDArray[Any], pairs: int, embedding: int) -> Iterator[str]:
    """The contract of every answer: one row a pair, finite numbers, scores between 0 and 1."""
    way, signature, output = name.split("/")
    what = f"{output} of {signature.removesuffix('_a').removesuffix('_b')} {_TEXT[way]}"
    shape = (pairs, embedding) if output == "embedding" else (pairs,)
    dtype = np.dtype(np.bool_ if output == "same" else np.float32)
    if values.dtype != dtype:
        yield f"{what} is {values.dtype}, not {dtype}"
    elif values.shape != shape:
        yield f"{what} has the shape {list(values.shape)}, not {list(shape)}"
    elif not np.isfinite(values).all():
        yield f"{what} is not a finite number for {int((~np.isfinite(values)).any(axis=-1).sum())} of {pairs} pairs"
    elif output == "score" and not ((values >= 0) & (values <= 1)).all():
        yield f"{what} is {_farthest(values):.6g}, which is not between 0 and 1"
    elif output == "distance" and values.min() < -1e-5:  # rounding; 1 - cos may go below 0 by as much
        yield f"{what} is {values.min():.6g}, which is no distance"


def _unequal(
    way: str, what: str, found: NDArray[Any], score: Floats, pair_ids: Sequence[str], tolerance: float
) -> Iterator[str]:
    difference = np.abs(found.astype(np.float64) - score)
    worst = int(np.argmax(difference))
    if not difference[worst] <= tolerance:  # a NaN among the known scores is a difference too
        pair = f"pair {pair_ids[worst]}, which scored {score[worst]:.6g}"
        yield f"{what} gives {found[worst]:.6g} to {pair}, {_TEXT[way]} ({difference[worst]:.1e} > {tolerance:g})"


def _unlike_its_distance(
    way: str, signature: str, answers: Answers, manifest: ModelManifest, tolerance: float
) -> Iterator[str]:
    """A smaller distance is never a lower score, and the calibration of the manifest maps one to the other."""
    distance, found = (answers[key(way, signature, output)].astype(np.float64) for output in ("distance", "score"))
    if (np.diff(found[np.argsort(distance, kind="stable")]) > tolerance).any():
        yield f"{signature} gives a farther pair a higher score than a closer one, {_TEXT[way]}"
    expected = Calibration(manifest.threshold, manifest.slope).score(distance)
    if (np.abs(expected - found) > tolerance).any():
        yield f"the scores of {signature} are not those of its distances by the manifest's calibration, {_TEXT[way]}"


def _farthest(values: NDArray[Any]) -> float:
    """The value that is farthest from [0, 1]."""
    return float(values[np.argmax(np.maximum(-values, values - 1))])
