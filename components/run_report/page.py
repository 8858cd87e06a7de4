"""The report page: one HTML file that opens from disk without a network."""

from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined, Template, select_autoescape
from markdown_it import MarkdownIt
from markupsafe import Markup
from PIL import Image
from plotly.offline import get_plotlyjs

from components.run_outcome.explanation import explanations
from components.run_outcome.summary import Metric, RunSummary
from components.run_report.charts import figures, plots
from components.run_report.charts.training_logs import read_curves, read_map
from components.run_report.content import Content
from components.run_report.pictures import data_url, pictures, select_pairs
from components.run_report.source_images import excluded_files, near_duplicates
from components.run_report.statistics import read_views
from models.user_files import replacing

FILE = "report.html"
_FEWEST = 20  # pairs of a slice that is shown
_MOST_SLICES = 100


def write_report(content: Content, path: Path) -> Path:
    """Renders the page and writes it atomically; returns ``path``."""
    return write_text(render(content), path)


def write_text(page: str, path: Path) -> Path:
    """Writes a rendered page, entirely or not at all; returns ``path``."""
    with replacing(path) as staging:
        staging.write_text(page, encoding="utf-8")
    return path


def render(content: Content) -> str:
    """The page of a run, with what exists of it."""
    summary, scores = content.summary, content.scores
    charts = figures.of_scores(scores)
    curves = read_curves(content.training) if content.training else {}
    embeddings = read_map(content.training, summary.seed) if content.training else None
    return template().render(
        confusion=_confusion(content),
        pictures=pictures(scores, content.pairs, select_pairs(scores)) if scores is not None and content.pairs else {},
        figures=charts,
        script=Markup(get_plotlyjs()) if charts or curves or summary.timings else "",
        slices=(slices := _slices(content))[:_MOST_SLICES],
        more_slices=len(slices[_MOST_SLICES:]),
        training=figures.of_training(curves),
        embedding_map=Markup(plots.embedding_map(embeddings)) if embeddings else "",
        embeddings=embeddings,
        augmented=_augmented(content.augmented),
        card=Markup(card_html(content.card.read_text(encoding="utf-8"))) if content.card else "",
        images=summary.counts.get("images", {}),
        pairs={name: one["pairs"] for name, one in summary.counts.get("pairs", {}).get("splits", {}).items()},
        quarantine=content.quarantine,
        quarantined=content.quarantined,
        excluded=excluded_files(content.quarantine, content.images),
        near_duplicates=near_duplicates(content.near_duplicates, content.images),
        views=read_views(content.statistics, content.anomalies, content.anomaly_verdict),
        configuration=_configuration(summary),
        **_of_the_runner(summary, content.lineage),
    )


def updated(page: str, summary: RunSummary, lineage: list[tuple[str, str]]) -> str:
    """A page of the RunReport component, completed by the runner with times, memory and reused results.

    Args:
      page: of ``render``.
      summary: of the same run, with its times.
      lineage: (name, text) lines.
    """
    current = template()
    context = current.new_context(_of_the_runner(summary, lineage))
    for name in ("title", "run", "lineage", "times"):
        head, begin, rest = page.partition(f"<!--{name}-->")
        _, end, tail = rest.partition(f"<!--/{name}-->")
        page = "".join([head, begin, *current.blocks[name](context), end, tail])
    return page


def template(name: str = "page.html.j2") -> Template:
    """A template of this room; it escapes its values."""
    environment = Environment(
        loader=PackageLoader("components.run_report", "templates"),
        autoescape=select_autoescape(["j2", "html"], default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"figure": _figure, "interval": _interval}
    return environment.get_template(name)


def card_html(markdown: str) -> str:
    """The HTML of a model card, headings two levels lower; HTML in the Markdown is escaped, images are disabled."""
    parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    tokens = parser.parse(markdown)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + 2, 6)}"
    return str(parser.renderer.render(tokens, parser.options, {}))


def _of_the_runner(summary: RunSummary, lineage: list[tuple[str, str]]) -> dict[str, Any]:
    """The values of the blocks ``title``, ``run``, ``lineage`` and ``times``."""
    return {
        "summary": summary,
        "headline": summary.outcome.headline,
        "explanations": list(explanations(summary)),
        "lineage": lineage,
        "durations": figures.of_durations(summary.timings, summary.peak_memory_mb),
    }


def _confusion(content: Content) -> tuple[int, int, int, int] | None:
    """Genuine pairs classified as same and as different, then impostor pairs."""
    scores = content.scores
    if scores is None:
        return None
    same, called = scores.same, scores.score > 0.5
    genuine, impostors = int((same & called).sum()), int((~same & called).sum())
    return genuine, int(same.sum()) - genuine, impostors, int((~same).sum()) - impostors


def _slices(content: Content) -> list[tuple[str, dict[str, float]]]:
    shown = [(name, part) for name, part in content.summary.slices.items() if part.get("example_count", 0) >= _FEWEST]
    return sorted(shown, key=lambda one: one[1].get("accuracy", 1.0))


def _configuration(summary: RunSummary) -> str:
    """As YAML, without a webhook's URL, which is a secret."""
    config = dict(summary.config)
    alerts = config.get("alerts") or {}
    if not (alerts.get("webhook") or "env:").startswith("env:"):
        config["alerts"] = {**alerts, "webhook": "(not shown)"}
    return str(yaml.safe_dump({"versions": summary.versions, **config}, sort_keys=False))


def _augmented(path: Path | None) -> str:
    if path is None:
        return ""
    with Image.open(path) as image:
        image.thumbnail((1200, 1200))
        return data_url(image.convert("RGB"))


def _figure(value: Any) -> str:
    return "" if value is None or not isinstance(value, int | float) else f"{value:.4f}"


def _interval(metric: Metric) -> str:
    return "" if metric.low is None or metric.high is None else f"{metric.low:.3f} to {metric.high:.3f}"
