"""The page that compares two runs."""

from typing import Any

from markupsafe import Markup
from plotly.offline import get_plotlyjs

from components.pair_scores.table import ScoredPairs
from components.run_outcome.summary import Metric
from components.run_report.charts import figures
from components.run_report.charts.figures import Figure
from components.run_report.charts.training_logs import read_curves
from components.run_report.content import Content
from components.run_report.differences import (
    changed_pairs,
    common_pairs,
    differences,
    paired_metrics,
    sentences,
    slice_changes,
)
from components.run_report.page import template
from components.run_report.pictures import pictures
from models.verification.metrics import MeasuredIntervals

_NAMES = ("B", "A")
_SLICES = 100


def render_comparison(a: Content, b: Content) -> str:
    """The page that compares run B with run A."""
    common = common_pairs(a.scores, b.scores) if a.scores is not None and b.scores is not None else None
    found = paired_metrics(common, b.summary.config, b.summary.seed) if common is not None else None
    scored = (_pairs(a.scores), _pairs(b.scores))
    lines = list(sentences(a.summary, b.summary, scored, _pairs(common), found))
    charts = _figures(a, b, common)
    changed = slice_changes(common) if common is not None else []
    return template("comparison.html.j2").render(
        a=a.summary,
        b=b.summary,
        headline=lines[0],
        sentences=lines[1:],
        metrics=_metrics(found) if found else [],
        own=_own(a, b) if max(scored) > _pairs(common) or not found else [],
        gates=_gates(a, b),
        figures=charts,
        script=Markup(get_plotlyjs()) if charts else "",
        slices=changed[:_SLICES],
        more_slices=len(changed) - _SLICES,
        pictures=pictures(common, b.pairs, changed_pairs(common)) if common is not None and b.pairs else {},
        counts=_counts(a, b),
        settings=list(differences(a.summary.config, b.summary.config)),
        versions=list(differences(a.summary.versions, b.summary.versions)),
        times=_times(a, b),
    )


def _metrics(found: MeasuredIntervals) -> list[tuple[str, Any, Any, Any]]:
    """(metric, A's, B's, B's gain)."""
    return [(name, found.baseline[name], one, found.gain.get(name)) for name, one in found.candidate.items()]


def _own(a: Content, b: Content) -> list[tuple[str, Metric | None, Metric | None]]:
    """(metric, A's, B's), each on the test pairs of its own run."""
    theirs, ours = a.summary.metrics, b.summary.metrics
    return [(name, theirs.get(name), ours.get(name)) for name in {**ours, **theirs}]


def _pairs(scores: ScoredPairs | None) -> int:
    return 0 if scores is None else len(scores.same)


def _gates(a: Content, b: Content) -> list[tuple[str, bool | None, bool | None, str]]:
    """(gate, A passed, B passed, reason of B or A); None for a gate that was not reached."""
    theirs, ours = ({gate.name: gate for gate in one.summary.gates} for one in (a, b))
    both = {**ours, **{name: gate for name, gate in theirs.items() if name not in ours}}
    passed = [{name: gate.passed for name, gate in gates.items()} for gates in (theirs, ours)]
    return [(name, passed[0].get(name), passed[1].get(name), gate.reason) for name, gate in both.items()]


def _figures(a: Content, b: Content, common: ScoredPairs | None) -> list[Figure]:
    found = figures.of_two_models(common, _NAMES)
    if a.training and b.training:
        trained = figures.of_two_trainings(read_curves(b.training), read_curves(a.training), _NAMES)
        found += [trained] if trained else []
    return found


def _counts(a: Content, b: Content) -> list[tuple[str, int, int]]:
    """(name, A's, B's): images, identities and pairs of each split, and excluded files."""
    images, pairs = (
        [one.summary.counts.get(key, {}).get("splits", {}) for one in (a, b)] for key in ("images", "pairs")
    )
    lines = []
    for split in {**images[1], **images[0]}:
        for key, counted in (("images", images), ("identities", images), ("pairs", pairs)):
            theirs, ours = (int(one.get(split, {}).get(key, 0)) for one in counted)
            lines.append((f"{split}: {key}", theirs, ours))
    theirs, ours = (int(one.summary.counts.get("images", {}).get("quarantined", 0)) for one in (a, b))
    return [*lines, ("excluded files", theirs, ours)] if lines else []


def _times(a: Content, b: Content) -> list[tuple[str, list[float | None]]]:
    """(component, seconds of A and B, peak memory of A and B in MB)."""
    columns = [a.summary.timings, b.summary.timings, a.summary.peak_memory_mb, b.summary.peak_memory_mb]
    return [(name, [one.get(name) for one in columns]) for name in {**columns[1], **columns[0]}]
