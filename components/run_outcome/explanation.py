"""The explanation of a verdict: the reasons, warnings from the figures, the next step; a sentence each."""

from collections.abc import Iterator, Mapping
from typing import Any

from components.run_outcome.summary import RunSummary
from models.data.features import GENUINE
from models.verification.metrics import TAR_AT_FAR

_FEW_IDENTITIES = 30  # with fewer, the mean over them depends on which they are
_WIDE = 0.05  # of the accuracy
_MIN_SLICE_PAIRS = 50  # of a slice that is compared
_NAMED = 20  # identities without images; counts.images.identities_lost has all
_FALSE_ACCEPTS = 10  # expected at a rate that is mentioned


def explanations(summary: RunSummary) -> Iterator[str]:
    """Why the run ended as it did, and what to do next."""
    outcome = summary.outcome
    yield from outcome.reasons()
    if outcome.status not in ("failed", "skipped"):
        yield from warnings_of(summary)
    if outcome.next_step and (outcome.status != "pushed" or summary.metrics):
        yield f"Next: {outcome.next_step[0].lower()}{outcome.next_step[1:]}"


def notes_on_images(images: Mapping[str, Any]) -> Iterator[str]:
    """What was read into the names of the files, and which identities are missing.

    Args:
      images: their counts.
    """
    yield from images.get("notes", [])
    if lost := images.get("identities_lost", []):
        shown = ", ".join(lost[:_NAMED]) + (f", and {len(lost) - _NAMED:,} more" if len(lost) > _NAMED else "")
        yield f"{len(lost):,} identities lost all their images: {shown}"


def warnings_of(summary: RunSummary) -> Iterator[str]:
    """What the figures of a run warn of; empty if nothing was measured."""
    if not summary.metrics:
        return
    test = summary.counts.get("images", {}).get("splits", {}).get("test", {})
    identities = int(test.get("identities", 0))
    if summary.config.get("data", {}).get("split", {}).get("by") == "image":
        yield "Tested on identities that it was trained on: its accuracy on new ones is not known."
    elif 0 < identities < _FEW_IDENTITIES:
        yield f"Only {identities} test identities: others may be easier or harder than these; test on more."
    for note in notes_on_images(summary.counts.get("images", {})):
        yield f"{note[0].upper()}{note[1:]}."
    if untrimmed := int(summary.counts.get("images", {}).get("untrimmed", 0)):
        yield (
            f"{untrimmed:,} images were not trimmed because they already have the target size: give image.height or "
            "image.width another value."
        )
    if dim := int(summary.counts.get("images", {}).get("dim", 0)):
        yield (
            f"{dim:,} images use a small part of the range from black to white, as if fewer bits were stored in more: "
            "scale their values to the full range."
        )
    accuracy = summary.metrics.get("accuracy")
    if accuracy and accuracy.low is not None and accuracy.high is not None and accuracy.high - accuracy.low > _WIDE:
        yield f"The accuracy, {accuracy.value:.3f}, is known to within {accuracy.low:.3f} to {accuracy.high:.3f} only."
    yield from _weakest(summary)
    if any(not gate.passed for gate in summary.gates):
        return  # the other warnings concern the use of a model
    yield from _strict(summary)
    if summary.gates and not summary.baseline_metrics:
        yield "No model served before it: it was compared with none."
    yield from _other_preprocessing(summary)
    calibrated = summary.calibration and summary.calibration.value is not None
    yield (
        "The test pairs are half genuine and half impostors; with more impostors there are more false accepts"
        + ("." if calibrated else ": choose the threshold for your own share of them (calibration.objective).")
    )


def _other_preprocessing(summary: RunSummary) -> Iterator[str]:
    """Test pairs hold pixels preprocessed for this model; a baseline trained on others is at a disadvantage."""
    baseline, own = summary.baseline.get("image", {}), summary.config.get("image", {})
    other = [f"{key} {baseline[key]}, here {own[key]}" for key in own if key in baseline and baseline[key] != own[key]]
    if other and summary.baseline_metrics:
        yield (
            f"The served model was trained on images preprocessed differently ({'; '.join(other)}) and was evaluated "
            "on this model's: in service it may be better than here. siamese evaluate compares both on your files."
        )


def _weakest(summary: RunSummary) -> Iterator[str]:
    whole = summary.metrics.get("accuracy")
    compared = [
        (part["accuracy"], name, int(part["example_count"]))
        for name, part in summary.slices.items()
        if "accuracy" in part and part.get("example_count", 0) >= _MIN_SLICE_PAIRS
    ]
    if whole is None or not compared:
        return
    accuracy, name, pairs = min(compared)
    if accuracy < whole.value - 0.005:
        share = f"{1 - accuracy:.1%} of its {pairs:,} pairs are misclassified, {1 - whole.value:.1%} of all"
        yield f"It is weakest on {' '.join(name.split())}: {share}."


def _strict(summary: RunSummary) -> Iterator[str]:
    """The true accept rate at the lowest false accept rate that the test has enough impostors for."""
    kinds = summary.counts.get("pairs", {}).get("splits", {}).get("test", {}).get("kinds", {})
    impostors = sum(count for kind, count in kinds.items() if kind != GENUINE)
    found = {
        far: metric.value
        for name, metric in summary.metrics.items()
        if name.startswith(TAR_AT_FAR) and (far := float(name.removeprefix(TAR_AT_FAR))) * impostors >= _FALSE_ACCEPTS
    }
    if found and found[min(found)] < 0.9:
        yield (
            f"If only a share {min(found):g} of impostors may be accepted, {found[min(found)]:.1%} of genuine pairs "
            "are accepted: do not use it without a second check."
        )
