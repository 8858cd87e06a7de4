"""What made a model, as a person reads it."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from components.run_report.summary import RunSummary
from pipeline.lineage import Lineage, Step


def show_lineage(console: Console, lineage: Lineage, summary: RunSummary | None, serves: int | None) -> None:
    """Images, code, configuration and baseline, a line each; what an earlier run made says so.

    Args:
      console: to write to.
      lineage: of the run.
      summary: of the run, where there is one: its verdict, its configuration.
      serves: the version that serves this very model; none where another does.
    """
    told = f"version {serves} serves the model of run {lineage.run_id}" if serves else f"run {lineage.run_id}"
    verdict = f": {summary.status}" if summary and not serves else ""
    console.print(f"[bold]{escape(told)}[/]{verdict}", soft_wrap=True)
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for name, text in lineage_lines(lineage, summary):
        table.add_row(name, escape(text))
    console.print(table)


def lineage_lines(lineage: Lineage, summary: RunSummary | None) -> list[tuple[str, str]]:
    """(what, its text): an empty first part belongs to the line above."""
    lines = []
    if images := lineage.step("ImageExampleGen"):
        counted = lineage.images
        told = f"{counted['images']:,} of {counted['identities']:,} identities, " if counted else ""
        given = images.parameters
        lines.append(("images", f"{given['data_root']}: {told}fingerprint {_short(given['data_digest'])}"))
        lines.append(("", _when(images, lineage)))
    if lineage.pairs and (pairs := lineage.step("PairGenerator")):
        lines.append(("pairs", ", ".join(f"{split} {count:,}" for split, count in lineage.pairs.items())))
        lines.append(("", _when(pairs, lineage)))
    if model := lineage.model:
        lines.append(("configuration", f"{_short(model.config_digest)} shapes the model{_seed(summary)}"))
        if model.tuned:
            lines.append(("", "tuned: " + ", ".join(f"{name} {value:.4g}" for name, value in model.tuned.items())))
        lines.append(("libraries", ", ".join(f"{name} {version}" for name, version in sorted(model.versions.items()))))
    if trainer := lineage.step("Trainer"):
        digest = f"{_short(lineage.model.model_digest)}, " if lineage.model else ""
        lines.append(("model", f"{digest}{trainer.uri}"))
        lines.append(("", _when(trainer, lineage)))
    codes = {name: _short(code) for step in lineage.steps if (code := _code(step)) for name in [step.node]}
    lines.append(("code", ", ".join(f"{name} {code}" for name, code in codes.items())))
    if found := lineage.baseline:
        told = found.absence if found.status != "served" else f"version {found.version}, {_short(found.model_digest)}"
        lines.append(("baseline", told))
    return lines


def _when(step: Step, lineage: Lineage) -> str:
    reused = f", reused from run {step.run_id}" if step.run_id != lineage.run_id else ""
    return f"made {step.at:%Y-%m-%d %H:%M:%S} UTC{reused}"


def _code(step: Step) -> str | None:
    """The digest of the sources that the node ran."""
    custom = step.parameters.get("custom_config")
    return step.parameters.get("code_digest") or (custom.get("code_digest") if isinstance(custom, dict) else None)


def _seed(summary: RunSummary | None) -> str:
    return f"; seed {summary.seed}; summary.json has it whole" if summary else ""


def _short(digest: str | None) -> str:
    return (digest or "unknown")[:12]
