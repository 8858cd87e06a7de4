"""What the figures of a run warn of, in sentences."""

from collections.abc import Iterator

from components.run_outcome.summary import RunSummary
from models.data.features import GENUINE
from models.verification.metrics import TAR_AT_FAR

_FEW = 30  # identities: with fewer, a mean over them says little
_WIDE = 0.05  # an interval of the accuracy that is wider than this
_FEWEST = 50  # pairs of a slice that is judged
_WRONG = 10  # impostors let in at a rate that is told: with fewer it is chance


def caveats(summary: RunSummary) -> Iterator[str]:
    """One sentence each; none where nothing was measured."""
    if not summary.metrics:
        return
    test = summary.counts.get("images", {}).get("splits", {}).get("test", {})
    identities = int(test.get("identities", 0))
    if summary.config.get("data", {}).get("split", {}).get("by") == "image":
        yield "Tested on identities that it was trained on: what it does on new ones is not known."
    elif 0 < identities < _FEW:
        yield f"Only {identities} test identities: others may be easier or harder than these; test on more."
    if untrimmed := int(summary.counts.get("images", {}).get("untrimmed", 0)):
        yield (
            f"Not trimmed were {untrimmed:,} images that have the size wanted already: give image.height or "
            "image.width another value."
        )
    accuracy = summary.metrics.get("accuracy")
    if accuracy and accuracy.low is not None and accuracy.high is not None and accuracy.high - accuracy.low > _WIDE:
        yield f"The accuracy, {accuracy.value:.3f}, is known to within {accuracy.low:.3f} to {accuracy.high:.3f} only."
    yield from _weakest(summary)
    if any(not gate.passed for gate in summary.gates):
        return  # the rest is of a model's use
    yield from _strict(summary)
    if summary.gates and not summary.baseline_metrics:
        yield "No model served before it: it was compared with none."
    yield from _prepared_otherwise(summary)
    yield (
        "The test pairs are half genuine and half impostors; where impostors are more frequent, so are wrong accepts: "
        "choose the threshold for your own share of them (calibration.objective)."
    )


def _prepared_otherwise(summary: RunSummary) -> Iterator[str]:
    """Test pairs hold pixels as this model takes them; one that was trained on others is judged below its worth."""
    theirs, ours = summary.baseline.get("image", {}), summary.config.get("image", {})
    other = [f"{key} {theirs[key]}, here {ours[key]}" for key in ours if key in theirs and theirs[key] != ours[key]]
    if other and summary.baseline_metrics:
        yield (
            f"The model that served was trained on images prepared otherwise ({'; '.join(other)}) and was judged on "
            "this one's: in service it may be better than it looks here. siamese evaluate asks both with your files."
        )


def _weakest(summary: RunSummary) -> Iterator[str]:
    whole = summary.metrics.get("accuracy")
    judged = [
        (part["accuracy"], name, int(part["example_count"]))
        for name, part in summary.slices.items()
        if "accuracy" in part and part.get("example_count", 0) >= _FEWEST
    ]
    if whole is None or not judged:
        return
    accuracy, name, pairs = min(judged)
    if accuracy < whole.value - 0.005:
        told = f"{1 - accuracy:.1%} of its {pairs:,} pairs are called wrongly, {1 - whole.value:.1%} of all"
        yield f"It is weakest on {' '.join(name.split())}: {told}."


def _strict(summary: RunSummary) -> Iterator[str]:
    """How much is lost where almost no impostor may be let in, at a rate that the test has impostors enough for."""
    kinds = summary.counts.get("pairs", {}).get("splits", {}).get("test", {}).get("kinds", {})
    impostors = sum(count for kind, count in kinds.items() if kind != GENUINE)
    found = {
        far: metric.value
        for name, metric in summary.metrics.items()
        if name.startswith(TAR_AT_FAR) and (far := float(name.removeprefix(TAR_AT_FAR))) * impostors >= _WRONG
    }
    if found and found[min(found)] < 0.9:
        yield (
            f"Where only a share {min(found):g} of impostors may be let in, {found[min(found)]:.1%} of genuine pairs "
            "are accepted: not for such use without a second look."
        )
