"""Reads back what the nodes of a run left, as far as it came: verdicts, measures, counts, where the rest lies."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tfx.types.artifact import Artifact

from components.baseline.report import BaselineReport
from components.model_gate.artifacts import INTERVALS_FILE
from components.run_outcome.floors_gate import limits_gate
from components.run_outcome.gate_result import GateResult
from components.run_outcome.gate_verdict import read_verdict
from components.run_outcome.outcome import push_gates
from components.run_outcome.summary import Metric, RunSummary
from components.run_record.files import SOURCES, Given, RunFiles
from components.run_record.lineage import Lineage, Step
from components.run_record.metrics_view import measured
from models.verification.intervals import MeasuredIntervals

_MADE = ("images_report", "pairs_report", "model")  # for each node of which something is told in the lineage


class RunRecord(RunFiles):
    """What a run left, read back."""

    @classmethod
    def of(cls, inputs: Mapping[str, Sequence[Artifact]]) -> "RunRecord":
        """From the inputs of a component that names them as ``files.SOURCES`` does."""
        return cls({name: Given.of(given[0].mlmd_artifact) for name, given in inputs.items() if given})

    def counts(self) -> dict[str, Any]:
        """Of the images and of the pairs, as their components reported them."""
        reports = {"images": "images_report", "pairs": "pairs_report"}
        return {name: counted for name, key in reports.items() if (counted := self._counted(key))}

    def gates(self) -> list[GateResult]:
        """The verdicts, in the order of the graph; only of gates that were reached."""
        gates = self._verdict("anomaly_verdict") + self._verdict("new_data_verdict")
        if evaluation := self._artifacts.get("evaluation"):
            gates.append(limits_gate(evaluation.uri))
        gates += self._verdict("gate_verdict") + self._verdict("infra_verdict")
        pushed = self._artifacts.get("pushed_model")
        return push_gates(gates, str(pushed.properties.get("declined", "")) if pushed else "")

    def metrics(self) -> tuple[dict[str, Metric], dict[str, Metric], dict[str, dict[str, float]]]:
        """(the candidate's, the baseline's, the candidate's by slice) on the test split."""
        evaluation = self._artifacts.get("evaluation")
        return measured(evaluation.uri) if evaluation else ({}, {}, {})

    def intervals(self) -> MeasuredIntervals | None:
        """The measures with their intervals, where the scores could be measured."""
        found = self._artifacts.get("measures")
        text = (Path(found.uri) / INTERVALS_FILE).read_text(encoding="utf-8") if found else "{}"
        return MeasuredIntervals.model_validate_json(text) if json.loads(text) else None

    def baseline(self) -> BaselineReport | None:
        """What served when the run began."""
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
        """(where the statistics of the images lie, the names of their splits as TFX writes them)."""
        artifact = self._artifacts.get("statistics")
        if artifact is None:
            raise LookupError("no statistics: StatisticsGen has not finished")
        return artifact.uri, str(artifact.properties["split_names"])

    def lineage(self, run_id: str, parameters: Mapping[str, Mapping[str, Any]]) -> Lineage:
        """What made the model, as far as artifacts tell it: not when, nor in which run.

        Args:
          run_id: of the run.
          parameters: node -> what it was given.
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
        """Adds all that a summary has of artifacts; what came of the run, if it came to its end."""
        summary.counts = self.counts()
        summary.gates = self.gates()
        if model := self.manifest():
            summary.threshold, summary.calibration, summary.tuned = model.threshold, model.calibration, model.tuned
        summary.metrics, summary.baseline_metrics, summary.slices = self.metrics()
        if baseline := self.baseline():
            summary.baseline = baseline.model_dump()
        if intervals := self.intervals():
            summary.add_intervals(intervals)
        pushed, summary.already_serving, summary.pushed_version = self.push()
        summary.end(pushed)

    def _verdict(self, name: str) -> list[GateResult]:
        verdict = self._artifacts.get(name)
        return read_verdict(verdict.uri) if verdict else []

    def _counted(self, name: str) -> dict[str, Any]:
        path = self._file(name, "counts.json")
        return json.loads(path.read_text(encoding="utf-8")) if path else {}
