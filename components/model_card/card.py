"""The card itself, by the sections of Mitchell et al. 2019 (Model Cards for Model Reporting). Pure."""

from collections.abc import Iterator
from typing import Any

import yaml

from components.model_card.settings import ModelCardSettings
from components.run_outcome.explanation import warnings_of
from components.run_outcome.summary import Metric, RunSummary
from models.export.manifest import ModelManifest

_SHOWN = 50  # slices
_FEWEST = 20  # pairs of a slice that is shown


def model_card(summary: RunSummary, model: ModelManifest, settings: ModelCardSettings, made: str) -> str:
    """The card as Markdown.

    Args:
      summary: of the run up to the gates: their verdicts, the measures, the counts.
      model: what the model says of itself.
      settings: what the user says of it.
      made: when, as a date.
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
        "Ethical considerations": settings.ethical_considerations or _unsaid("ethical_considerations"),
        "Caveats and recommendations": "\n".join(_caveats(summary, settings)),
        **settings.sections,
    }
    head = f"# Model card: {text(str(config.get('name', 'siamese')))}\n\n{_verdict(summary)}\n"
    return head + "".join(f"\n## {title}\n\n{body}\n" for title, body in sections.items())


def text(name: str) -> str:
    """A name from the data as one line of Markdown that is nothing but text, in a table too."""
    kept = " ".join(name.split()).replace("\\", "\\\\").replace("&", "&amp;").replace("<", "&lt;")
    for sign in "|*_`[]#!":
        kept = kept.replace(sign, f"\\{sign}")
    return kept


def _verdict(summary: RunSummary) -> str:
    refused = [gate for gate in summary.gates if not gate.passed]
    if not refused:
        return f"Every one of {len(summary.gates)} gates agreed that this model may serve."
    reasons = "\n".join(f"- {text(gate.name)}: {text(gate.reason)}" for gate in refused)
    return f"**This model must not be used**: {len(refused)} of {len(summary.gates)} gates refused it.\n\n{reasons}"


def _details(summary: RunSummary, model: ModelManifest, settings: ModelCardSettings, made: str) -> Iterator[str]:
    config, image = summary.config, model.image
    yield "- Answers whether two images show the same identity: two towers with the same weights, a distance, a score."
    yield f"- Run {summary.run_id}, {made}, seed {summary.seed}"
    yield f"- Encoder: {_flow(config.get('encoder', {}))}; embedding of {model.embedding} numbers"
    yield f"- Distance: {model.distance}; loss: {_flow(config.get('loss', {}))}"
    yield f"- Input: images of any size, resized to {image.height} x {image.width} x {image.channels}"
    if model.tuned:
        yield "- Tuned: " + ", ".join(f"{name} {value:.4g}" for name, value in model.tuned.items())
    yield "- Libraries: " + ", ".join(f"{name} {version}" for name, version in sorted(model.versions.items()))
    yield f"- Digests: model {model.model_digest[:12]}, configuration {summary.config_digest[:12]}"
    for title, said in (
        ("Owners", ", ".join(settings.owners)),
        ("Contact", settings.contact),
        ("Licence", settings.licence),
        ("References", "; ".join(settings.references)),
    ):
        if said:
            yield f"- {title}: {said}"


def _intended(settings: ModelCardSettings) -> str:
    scope = settings.out_of_scope or _unsaid("out_of_scope")
    return f"{settings.intended_use or _unsaid('intended_use')}\n\n**Out of scope:** {scope}"


def _factors(summary: RunSummary) -> str:
    kinds = sorted({name.partition(":")[0] for name in summary.slices})
    if not kinds:
        return "No slices were measured."
    return f"Measured apart by {', '.join(text(kind) for kind in kinds)}; see Quantitative analyses."


def _metrics(model: ModelManifest) -> Iterator[str]:
    yield "- The score lies in 0 to 1; higher is more alike. Two images are called the same where it is above 0.5,"
    yield f"  that is where their distance is below {model.threshold:.4f}."
    if report := model.calibration:
        given = f" {report.value:g}" if report.value is not None else ""
        yield f"- That threshold was chosen on the validation split for {report.objective.replace('_', ' ')}{given}."
    yield "- Positives are genuine pairs: precision is the share of pairs called the same that are; recall, of genuine"
    yield "  pairs the share that is called the same; tar_at_far_X, the same where a share X of impostors is let in."
    yield "- Intervals are of 95%, over the identities or images that were drawn for the test, not over pairs alone."


def _evaluation_data(summary: RunSummary, model: ModelManifest) -> str:
    images = summary.counts.get("images", {}).get("splits", {}).get("test", {})
    pairs = summary.counts.get("pairs", {}).get("splits", {}).get("test", {})
    kinds = ", ".join(f"{count:,} {kind.replace('_', ' ')}" for kind, count in pairs.get("kinds", {}).items())
    by = str(model.split.get("by", ""))
    seen = {
        "identity": "No test identity was seen in training: the figures are those of new identities.",
        "group": "No test group was seen in training: the figures are those of new groups and identities.",
        "image": "Identities are the same as in training, images are not: **new identities were not tested**.",
    }.get(by, f"Split: {text(by) or 'as given'}.")
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
    left = f"{images.get('quarantined', 0):,} files were not used"
    why = (("unreadable", "unreadable"), ("duplicates", "exact duplicates"), ("conflicts", "under two labels"))
    told = ", ".join(f"{images.get(key, 0):,} {name}" for key, name in why if images.get(key))
    near = images.get("near_duplicates", {})
    alike = f" {near['pairs']:,} pairs of images look the same." if near.get("pairs") else ""
    distortions = _flow(summary.config.get("augmentation", {}))
    return "\n".join(rows) + f"\n\n{left}{f': {told}' if told else ''}.{alike}\n\nAugmentation: {distortions}"


def _analyses(summary: RunSummary) -> Iterator[str]:
    served = bool(summary.baseline_metrics)
    rows = ["| measure | this model | 95% interval |" + (" served model | gain |" if served else "")]
    rows.append("|---|---:|---:|" + ("---:|---:|" if served else ""))
    for name, metric in ((name, one) for name, one in summary.metrics.items() if name != "tar_at_far"):
        row = f"| {name} | {metric.value:.4f} | {_between(metric)} |"
        if served:
            other, gain = summary.baseline_metrics.get(name), summary.gains.get(name)
            row += f" {other.value:.4f} |" if other else " |"
            row += f" {gain.value + 0.0:+.4f} ({_between(gain)}) |" if gain else " |"
        rows.append(row)
    yield "\n".join(rows)
    judged = {name: part for name, part in summary.slices.items() if part.get("example_count", 0) >= _FEWEST}
    worst = sorted(judged.items(), key=lambda one: one[1].get("accuracy", 1.0))
    if worst:
        rows = ["| slice, worst first | pairs | accuracy |", "|---|---:|---:|"]
        rows += [
            f"| {text(name)} | {part['example_count']:,.0f} | {part.get('accuracy', float('nan')):.4f} |"
            for name, part in worst[:_SHOWN]
        ]
        yield "\n".join(rows) + (f"\n\n{len(worst) - _SHOWN:,} more are no worse." if len(worst) > _SHOWN else "")


def _caveats(summary: RunSummary, settings: ModelCardSettings) -> Iterator[str]:
    yield from (f"- {text(sentence)}" for sentence in warnings_of(summary))
    if settings.caveats:
        yield f"\n{settings.caveats}"


def _unsaid(key: str) -> str:
    return f"Not stated; `model_card.{key}` of the configuration says it."


def _flow(section: dict[str, Any]) -> str:
    """A section of the configuration in one line of code, without what is not set."""
    kept = {key: value for key, value in section.items() if value not in (None, {}, [], 0, 0.0, False)}
    line = yaml.safe_dump(kept, default_flow_style=True, sort_keys=False, width=10**6).strip()
    return f"`{line.strip('{}')}`" if kept else "none"


def _between(metric: Metric) -> str:
    return "" if metric.low is None or metric.high is None else f"{metric.low:.3f} to {metric.high:.3f}"
