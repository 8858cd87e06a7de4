"""The text of a model card, with the sections of Mitchell et al. 2019 (Model Cards for Model Reporting). Pure."""

from collections.abc import Iterator
from typing import Any

import yaml

from components.model_card.settings import ModelCardSettings
from components.run_outcome.explanation import warnings_of
from components.run_outcome.summary import Metric, RunSummary
from components.run_outcome.verdict import decision
from models.export.manifest import ModelManifest

_SHOWN = 50  # slices
_FEWEST = 20  # pairs of a slice that is shown


def model_card(summary: RunSummary, model: ModelManifest, settings: ModelCardSettings, made: str) -> str:
    """The card as Markdown.

    Args:
      summary: of the run up to the gates: gates, metrics, counts.
      model: the manifest.
      settings: the user's part.
      made: the date.
    """
    config = summary.config
    sections = {
        "Model details": "\n".join(_details(summary, model, settings, made)),
        "Intended use": _intended(settings),
        "Factors": _factors(summary),
        "Metrics": "\n".join(_metrics(model)),
        "Evaluation data": _evaluation_data(summary, model),
        "Training data": _training_data(summary),
        "Quantitative analyses": "\n\n".join(_analyses(summary)),
        "Ethical considerations": settings.ethical_considerations or _not_stated("ethical_considerations"),
        "Caveats and recommendations": "\n".join(_warnings(summary, settings)),  # the title in the paper
        **settings.sections,
    }
    head = f"# Model card: {text(str(config.get('name', 'siamese')))}\n\n{_verdict(summary)}\n"
    return head + "".join(f"\n## {title}\n\n{body}\n" for title, body in sections.items())


def text(name: str) -> str:
    """A name from the data as one line of Markdown with all markup escaped, in tables, too."""
    kept = " ".join(name.split()).replace("\\", "\\\\").replace("&", "&amp;").replace("<", "&lt;")
    for sign in "|*_`[]#!":
        kept = kept.replace(sign, f"\\{sign}")
    return kept


def _verdict(summary: RunSummary) -> str:
    refused = [gate for gate in summary.gates if not gate.passed]
    if not refused:
        return f"All {len(summary.gates)} gates passed: this model may serve."
    reasons = "\n".join(f"- {text(gate.name)}: {text(gate.reason)}" for gate in refused)
    return f"**{text(decision(summary.gates))}**\n\n{reasons}"


def _details(summary: RunSummary, model: ModelManifest, settings: ModelCardSettings, made: str) -> Iterator[str]:
    config, image = summary.config, model.image
    yield "- Decides whether two images show the same identity: a Siamese network of two towers with shared weights."
    yield f"- Run {summary.run_id}, {made}, seed {summary.seed}"
    yield f"- Encoder: {_flow(config.get('encoder', {}))}; embedding of {model.embedding} dimensions"
    yield f"- Distance: {model.distance}; loss: {_flow(config.get('loss', {}))}"
    yield f"- Input: images of any size, resized to {image.height} x {image.width} x {image.channels}"
    if model.tuned:
        yield "- Tuned: " + ", ".join(f"{name} {value:.4g}" for name, value in model.tuned.items())
    yield "- Libraries: " + ", ".join(f"{name} {version}" for name, version in sorted(model.versions.items()))
    yield f"- Digests: model {model.model_digest[:12]}, configuration {summary.config_digest[:12]}"
    for title, value in (
        ("Owners", ", ".join(settings.owners)),
        ("Contact", settings.contact),
        ("Licence", settings.licence),
        ("References", "; ".join(settings.references)),
    ):
        if value:
            yield f"- {title}: {value}"


def _intended(settings: ModelCardSettings) -> str:
    scope = settings.out_of_scope or _not_stated("out_of_scope")
    return f"{settings.intended_use or _not_stated('intended_use')}\n\n**Out of scope:** {scope}"


def _factors(summary: RunSummary) -> str:
    kinds = sorted({name.partition(":")[0] for name in summary.slices})
    if not kinds:
        return "No slices were evaluated."
    return f"Evaluated separately by {', '.join(text(kind) for kind in kinds)}; see Quantitative analyses."


def _metrics(model: ModelManifest) -> Iterator[str]:
    yield "- The score is between 0 and 1; higher is more alike. Two images are classified as the same if it is above"
    yield f"  0.5, which is a distance below {model.threshold:.4f}."
    if report := model.calibration:
        value = f" {report.value:g}" if report.value is not None else ""
        yield f"- The threshold was chosen on the validation split for {report.objective.replace('_', ' ')}{value}."
    yield "- Positives are genuine pairs. Precision is the share of genuine pairs among those classified as the same;"
    yield "  recall is the share of genuine pairs accepted; tar_at_far_X is the recall at a false accept rate of X."
    yield "- Intervals have 95% confidence, from a bootstrap over the identities or images of the test split."


def _evaluation_data(summary: RunSummary, model: ModelManifest) -> str:
    images = summary.counts.get("images", {}).get("splits", {}).get("test", {})
    pairs = summary.counts.get("pairs", {}).get("splits", {}).get("test", {})
    kinds = ", ".join(f"{count:,} {kind.replace('_', ' ')}" for kind, count in pairs.get("kinds", {}).items())
    by = str(model.split.get("by", ""))
    seen = {
        "identity": "No test identity was in the training data: the metrics are those of new identities.",
        "group": "No test group was in the training data: the metrics are those of new groups and identities.",
        "image": "The identities are those of the training data, on other images: **new identities were not tested**.",
    }.get(by, f"Split: {text(by) or 'by the manifest'}.")
    return (
        f"{images.get('images', 0):,} images of {images.get('identities', 0):,} identities, in "
        f"{pairs.get('pairs', 0):,} pairs ({kinds}). {seen}"
    )


def _training_data(summary: RunSummary) -> str:
    images = summary.counts.get("images", {})
    splits, pairs = images.get("splits", {}), summary.counts.get("pairs", {}).get("splits", {})
    rows = ["| split | images | identities | pairs |", "|---|---:|---:|---:|"]
    for name, one in splits.items():
        made = pairs.get(name, {}).get("pairs")
        rows.append(f"| {name} | {one['images']:,} | {one['identities']:,} | {'' if made is None else f'{made:,}'} |")
    excluded = f"{images.get('quarantined', 0):,} files were excluded"
    why = (("unreadable", "unreadable"), ("duplicates", "exact duplicates"), ("conflicts", "under two labels"))
    reasons = ", ".join(f"{images.get(key, 0):,} {name}" for key, name in why if images.get(key))
    near = images.get("near_duplicates", {})
    alike = f" {near['pairs']:,} pairs of near-duplicate images." if near.get("pairs") else ""
    augmentation = _flow(summary.config.get("augmentation", {}))
    return (
        "\n".join(rows) + f"\n\n{excluded}{f': {reasons}' if reasons else ''}.{alike}\n\nAugmentation: {augmentation}"
    )


def _analyses(summary: RunSummary) -> Iterator[str]:
    served = bool(summary.baseline_metrics)
    rows = ["| metric | this model | 95% interval |" + (" served model | gain |" if served else "")]
    rows.append("|---|---:|---:|" + ("---:|---:|" if served else ""))
    for name, metric in ((name, one) for name, one in summary.metrics.items() if name != "tar_at_far"):
        row = f"| {name} | {metric.value:.4f} | {_interval(metric)} |"
        if served:
            other, gain = summary.baseline_metrics.get(name), summary.gains.get(name)
            row += f" {other.value:.4f} |" if other else " |"
            row += f" {gain.value + 0.0:+.4f} ({_interval(gain)}) |" if gain else " |"
        rows.append(row)
    yield "\n".join(rows)
    shown = {name: part for name, part in summary.slices.items() if part.get("example_count", 0) >= _FEWEST}
    worst = sorted(shown.items(), key=lambda one: one[1].get("accuracy", 1.0))
    if worst:
        rows = ["| slice, lowest accuracy first | pairs | accuracy |", "|---|---:|---:|"]
        rows += [
            f"| {text(name)} | {part['example_count']:,.0f} | {part.get('accuracy', float('nan')):.4f} |"
            for name, part in worst[:_SHOWN]
        ]
        yield "\n".join(rows) + (
            f"\n\n{len(worst) - _SHOWN:,} more slices with at least this accuracy." if len(worst) > _SHOWN else ""
        )


def _warnings(summary: RunSummary, settings: ModelCardSettings) -> Iterator[str]:
    yield from (f"- {text(sentence)}" for sentence in warnings_of(summary))
    if settings.caveats:
        yield f"\n{settings.caveats}"


def _not_stated(key: str) -> str:
    return f"Not stated; set `model_card.{key}` in the configuration."


def _flow(section: dict[str, Any]) -> str:
    """A section of the configuration as one line of YAML, without unset values."""
    kept = {key: value for key, value in section.items() if value not in (None, {}, [], 0, 0.0, False)}
    line = yaml.safe_dump(kept, default_flow_style=True, sort_keys=False, width=10**6).strip()
    return f"`{line.strip('{}')}`" if kept else "none"


def _interval(metric: Metric) -> str:
    return "" if metric.low is None or metric.high is None else f"{metric.low:.3f} to {metric.high:.3f}"
