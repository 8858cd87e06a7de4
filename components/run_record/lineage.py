"""The lineage of a model: images, code, configuration, baseline; and its lines for display."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from components.baseline.report import BaselineReport
from components.run_outcome.summary import RunSummary
from models.export.manifest import ModelManifest


class Step(BaseModel):
    """One node that the model depends on.

    Attributes:
      node: its id.
      run_id: the run that executed it; not the model's if its results were reused.
      at: when it ended; None if unknown.
      uri: of its output.
      parameters: of its execution, as the metadata store has them.
    """

    model_config = ConfigDict(frozen=True)

    node: str
    run_id: str
    at: datetime | None = None
    uri: str
    parameters: dict[str, Any] = {}


class Lineage(BaseModel):
    """The lineage of the model of a run.

    Attributes:
      run_id: of the run.
      steps: in the order of the graph; only those that finished.
      model: its manifest; None if there is no model yet.
      images: counts of ImageExampleGen's report.
      pairs: of PairGenerator's, by split.
      baseline: the model that served when the run began.
    """

    run_id: str
    steps: list[Step]
    model: ModelManifest | None = None
    images: dict[str, Any] = {}
    pairs: dict[str, int] = {}
    baseline: BaselineReport | None = None

    def step(self, node: str) -> Step | None:
        """A step by its node."""
        return next((step for step in self.steps if step.node == node), None)


def lineage_lines(lineage: Lineage, summary: RunSummary | None) -> list[tuple[str, str]]:
    """(name, text) of each line; an empty name continues the line above."""
    lines = []
    if images := lineage.step("ImageExampleGen"):
        counted = lineage.images
        count = f"{counted['images']:,} of {counted['identities']:,} identities, " if counted else ""
        of_node = images.parameters
        fingerprint = f"fingerprint {_short(of_node['data_digest'])}" if of_node.get("data_digest") else ""
        lines.append(("images", f"{of_node['data_root']}: {count}{fingerprint}".rstrip(", :")))
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
    if codes := {step.node: _short(code) for step in lineage.steps if (code := _code(step))}:
        lines.append(("code", ", ".join(f"{name} {code}" for name, code in codes.items())))
    if found := lineage.baseline:
        served = f"version {found.version}, {_short(found.model_digest)}"
        lines.append(("baseline", served if found.status == "served" else found.absence))
    return [line for line in lines if line[1]]


def _when(step: Step, lineage: Lineage) -> str:
    reused = f", reused from run {step.run_id}" if step.run_id != lineage.run_id else ""
    return f"made {step.at:%Y-%m-%d %H:%M:%S} UTC{reused}" if step.at else ""


def _code(step: Step) -> str | None:
    """The digest of the code of the node."""
    custom = step.parameters.get("custom_config")
    return step.parameters.get("code_digest") or (custom.get("code_digest") if isinstance(custom, dict) else None)


def _seed(summary: RunSummary | None) -> str:
    return f"; seed {summary.seed}; all of it is in summary.json" if summary else ""


def _short(digest: str | None) -> str:
    return (digest or "unknown")[:12]
