"""What the figures of a run warn of, in sentences."""

from collections.abc import Iterator

from components.run_report.summary import RunSummary
from models.manifest import ModelManifest

_FEW = 30  # identities: with fewer, a mean over them says little
_WIDE = 0.05  # an interval of the accuracy that is wider than this
_FEWEST = 50  # pairs of a slice that is judged


def caveats(summary: RunSummary, model: ModelManifest) -> Iterator[str]:
    """One sentence each; at least one.

    Args:
      summary: of the run up to the gates.
      model: what the model says of itself.
    """
    test = summary.counts.get("images", {}).get("splits", {}).get("test", {})
    identities = int(test.get("identities", 0))
    if model.split.get("by") == "image":
        yield "Tested on identities that it was trained on: what it does on new ones is not known."
    elif identities < _FEW:
        yield f"Only {identities} test identities: others may be easier or harder than these."
    accuracy = summary.metrics.get("accuracy")
    if accuracy and accuracy.low is not None and accuracy.high is not None and accuracy.high - accuracy.low > _WIDE:
        yield f"The accuracy is known to within {accuracy.low:.3f} to {accuracy.high:.3f} only."
    yield from _weakest(summary)
    yield from _strict(summary)
    if summary.gates and not summary.baseline_metrics:
        yield "No model served before it: it was compared with none."
    yield (
        "The test pairs are half genuine and half impostors; where impostors are more frequent, so are wrong accepts: "
        "choose the threshold for your own share of them (calibration.objective)."
    )


def _weakest(summary: RunSummary) -> Iterator[str]:
    whole = summary.metrics.get("accuracy")
    judged = [
        (part["accuracy"], name)
        for name, part in summary.slices.items()
        if "accuracy" in part and part.get("example_count", 0) >= _FEWEST
    ]
    if whole and judged and min(judged)[0] < whole.value - 0.005:
        accuracy, name = min(judged)
        told = " ".join(name.split()).replace("|", "/").replace("<", "&lt;")
        yield f"Weakest on {told}: accuracy {accuracy:.4f}, {whole.value:.4f} over all."


def _strict(summary: RunSummary) -> Iterator[str]:
    """How much is lost where almost no impostor may be let in."""
    found = {
        float(name.removeprefix("tar_at_far_")): metric.value
        for name, metric in summary.metrics.items()
        if name.startswith("tar_at_far_")
    }
    if found and found[min(found)] < 0.9:
        yield (
            f"Where only a share {min(found):g} of impostors may be let in, {found[min(found)]:.1%} of genuine pairs "
            "are accepted: not for such use without a second look."
        )
