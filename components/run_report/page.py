"""The page itself: one file that opens from disk without a network."""

from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from PIL import Image
from plotly.offline import get_plotlyjs

from components.run_report import charts
from components.run_report.content import Content
from components.run_report.embedding_map import read_map
from components.run_report.pictures import as_address, pictures
from components.run_report.summary import Metric
from components.run_report.training import read_curves
from components.run_report.words import explanations, headline

FILE = "report.html"
_FEWEST = 20  # pairs of a slice that is shown


def write_report(content: Content, path: Path) -> Path:
    """Writes the page in one step; returns ``path``."""
    staging = path.with_name(f".{path.name}")
    staging.write_text(render(content), encoding="utf-8")
    staging.replace(path)
    return path


def render(content: Content) -> str:
    """The page of a run, as far as the run came."""
    environment = Environment(
        loader=PackageLoader("components.run_report", "."),
        autoescape=select_autoescape(["j2", "html"], default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"figure": _figure, "between": _between}
    summary, scores = content.summary, content.scores
    drawn = _charts(content)
    curves = read_curves(content.training) if content.training else {}
    placed = read_map(content.training, summary.seed) if content.training else None
    durations = charts.durations(summary.timings, summary.peak_memory_mb) if summary.timings else ""
    return environment.get_template("page.html.j2").render(
        summary=summary,
        headline=headline(summary),
        explanations=list(explanations(summary)),
        confusion=_confusion(content),
        pictures=pictures(scores, content.pairs) if scores is not None and content.pairs else {},
        charts={caption: Markup(chart) for caption, chart in drawn.items()},
        script=Markup(get_plotlyjs()) if drawn or durations or curves else "",
        slices=_slices(content),
        training=Markup(charts.training(curves)) if curves else "",
        embedding_map=Markup(charts.embedding_map(placed)) if placed else "",
        placed=placed,
        augmented=_augmented(content.augmented),
        images=summary.counts.get("images", {}),
        pairs={name: one["pairs"] for name, one in summary.counts.get("pairs", {}).get("splits", {}).items()},
        quarantine=content.quarantine,
        quarantined=content.quarantined,
        lineage=content.lineage,
        durations=Markup(durations),
        configuration=yaml.safe_dump({"versions": summary.versions, **summary.config}, sort_keys=False),
    )


def _charts(content: Content) -> dict[str, str]:
    scores = content.scores
    if scores is None or scores.same.all() or not scores.same.any():
        return {}
    return {
        "ROC: genuine pairs accepted, over impostors accepted": charts.roc(scores),
        "DET: genuine pairs missed, over impostors accepted": charts.det(scores),
        "Scores of genuine and impostor pairs": charts.histogram(scores),
        "Precision and recall over the threshold": charts.over_threshold(scores),
        "Calibration: how often a score is right": charts.calibration(scores),
    }


def _confusion(content: Content) -> tuple[int, int, int, int] | None:
    """Genuine called the same and different, impostors called the same and different."""
    scores = content.scores
    if scores is None:
        return None
    same, called = scores.same, scores.score > 0.5
    genuine, impostors = int((same & called).sum()), int((~same & called).sum())
    return genuine, int(same.sum()) - genuine, impostors, int((~same).sum()) - impostors


def _slices(content: Content) -> list[tuple[str, dict[str, float]]]:
    shown = [(name, part) for name, part in content.summary.slices.items() if part.get("example_count", 0) >= _FEWEST]
    return sorted(shown, key=lambda one: one[1].get("accuracy", 1.0))


def _augmented(path: Path | None) -> str:
    if path is None:
        return ""
    with Image.open(path) as image:
        image.thumbnail((1200, 1200))
        return as_address(image.convert("RGB"))


def _figure(value: Any) -> str:
    return "" if value is None or not isinstance(value, int | float) else f"{value:.4f}"


def _between(metric: Metric) -> str:
    return "" if metric.low is None or metric.high is None else f"{metric.low:.3f} to {metric.high:.3f}"
