"""Reads a run back from its artifacts: outcome, metrics, counts, lineage."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tfx.types.artifact import Artifact

from components.artifact_types import INTERVALS_FILE
from components.baseline.report import BaselineReport
from components.evaluator.results import floors_gate, measured
from components.run_outcome.artifacts import GATE_INPUTS, read_verdict
from components.run_outcome.summary import Metric, RunSummary
from components.run_outcome.verdict import OUTCOME_FILE, GateResult, Outcome, with_push
from components.run_record.files import SOURCES, ArtifactRecord, RunFiles
from components.run_record.lineage import Lineage, Step
from models.verification.metrics import MeasuredIntervals

_MADE = ("images_report", "pairs_report", "model")  # one for each node in the lineage


class RunRecord(RunFiles):
    """A run, read back from its artifacts."""

    @classmethod
    def of(cls, inputs: Mapping[str, Sequence[Artifact]]) -> "RunRecord":
        """From the inputs of a component that names them as ``files.SOURCES`` and ``GATE_INPUTS`` do."""
        given = {name: ArtifactRecord.of(artifacts[0].mlmd_artifact) for name, artifacts in inputs.items() if artifacts}
        return cls(given, {name: given[name] for name in GATE_INPUTS if name in given})

    def counts(self) -> dict[str, Any]:
        """Counts of the images and of the pairs, as their components reported them."""
        reports = {"images": "images_report", "pairs": "pairs_report"}
        return {name: counted for name, key in reports.items() if (counted := self._counted(key))}

    def gates(self) -> list[GateResult]:
        """The results of the gates that were reached, in the order of the graph."""
        gates = [gate for verdict in self._verdicts.values() for gate in read_verdict(verdict.uri)]
        evaluation = self._artifacts.get("evaluation")
        if evaluation and "floors" not in {gate.name for gate in gates}:  # of a revision whose Evaluator has no verdict
            on_data = sum(gate.name in ("anomalies", "new_data") for gate in gates)
            gates.insert(on_data, floors_gate(evaluation.uri))
        pushed = self._artifacts.get("pushed_model")
        return with_push(gates, str(pushed.properties.get("declined", "")) if pushed else "")

    def outcome(self, name: str, run_id: str) -> Outcome:
        """The outcome as the node Outcome wrote it; of a run that did not reach that node, what is known so far.

        Args:
          name: of the pipeline.
          run_id: of the run.
        """
        if folder := self.folder("outcome"):
            return Outcome.model_validate_json((folder / OUTCOME_FILE).read_text(encoding="utf-8"))
        return Outcome.of_push(*self.push(), name=name, run_id=run_id, gates=self.gates())

    def metrics(self) -> tuple[dict[str, Metric], dict[str, Metric], dict[str, dict[str, float]]]:
        """(candidate's, baseline's, candidate's by slice) on the test split."""
        evaluation = self._artifacts.get("evaluation")
        return measured(evaluation.uri) if evaluation else ({}, {}, {})

    def intervals(self) -> MeasuredIntervals | None:
        """The metrics with their intervals, if they could be computed."""
        found = self._artifacts.get("measures")
        text = (Path(found.uri) / INTERVALS_FILE).read_text(encoding="utf-8") if found else "{}"
        return MeasuredIntervals.model_validate_json(text) if json.loads(text) else None

    def baseline(self) -> BaselineReport | None:
        """The model that served when the run began."""
        found = self._artifacts.get("baseline")
        return BaselineReport.read(found.uri) if found else None

    def push(self) -> tuple[bool, bool, int | None]:
        """(pushed now, the identical model already serves, the version that serves it)."""
        pushed = self._artifacts.get("pushed_model")
        if not pushed:
            return False, False, None
        version = pushed.properties.get("pushed_version")
        now, already = (pushed.properties.get(key) == 1 for key in ("pushed", "already_serving"))
        return now, already, int(version) if version and (now or already) else None

    def statistics(self) -> tuple[str, str]:
        """(URI of the statistics of the images, names of their splits as TFX writes them)."""
        artifact = self._artifacts.get("statistics")
        if artifact is None:
            raise LookupError("no statistics: StatisticsGen has not finished")
        return artifact.uri, str(artifact.properties["split_names"])

    def lineage(self, run_id: str, parameters: Mapping[str, Mapping[str, Any]]) -> Lineage:
        """The lineage of the model as far as artifacts have it: without times and earlier runs.

        Args:
          run_id: of the run.
          parameters: node -> its execution parameters.
        """
        made = ((node, self._artifacts.get(name)) for name, (node, _) in SOURCES.items() if name in _MADE)
        counts = self.counts()
        return Lineage(
            run_id=run_id,
            steps=[
                Step(node=node, run_id=run_id, uri=one.uri, parameters=dict(parameters.get(node, {})))
                for node, one in made
                if one
            ],
            model=self.manifest(),
            images=counts.get("images", {}),
            pairs={name: split["pairs"] for name, split in counts.get("pairs", {}).get("splits", {}).items()},
            baseline=self.baseline(),
        )

    def fill(self, summary: RunSummary) -> None:
        """Adds everything that a summary takes from artifacts; the outcome is that of a run without a failure."""
        summary.counts = self.counts()
        if model := self.manifest():
            summary.threshold, summary.calibration, summary.tuned = model.threshold, model.calibration, model.tuned
        summary.metrics, summary.baseline_metrics, summary.slices = self.metrics()
        if baseline := self.baseline():
            summary.baseline = baseline.model_dump()
        if intervals := self.intervals():
            summary.add_intervals(intervals)
        summary.conclude(self.outcome(summary.config.get("name", ""), summary.run_id))
        if outcome := self._artifacts.get("outcome"):
            summary.alert = str(outcome.properties.get("alert", "")) or None

    def _counted(self, name: str) -> dict[str, Any]:
        path = self._file(name, "counts.json")
        return json.loads(path.read_text(encoding="utf-8")) if path else {}
