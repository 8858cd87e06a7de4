"""Reads back what a run left in the metadata store and its artifacts."""

import json
import math
from pathlib import Path
from typing import Any

import tensorflow_model_analysis as tfma
from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from components.baseline.report import BaselineReport
from components.model_gate.artifacts import INTERVALS_FILE
from components.model_gate.intervals import MeasuredIntervals
from components.run_outcome.outcome import push_gates
from components.run_report.summary import Metric
from components.verdict.artifacts import read_verdict
from components.verdict.limits import limits_gate
from components.verdict.result import GateResult
from models.manifest import ModelManifest
from pipeline.evaluation import measures_among
from pipeline.metadata import nodes_of


class RunRecord:
    """The nodes of one run, by id.

    Args:
      connection: of the metadata store.
      run_id: TFX's id of the run.
    """

    def __init__(self, connection: mlmd.ConnectionConfig, run_id: str) -> None:
        self.nodes = nodes_of(metadata_store.MetadataStore(connection), run_id)

    def counts(self) -> dict[str, Any]:
        """Of the images and of the pairs, as their components reported them."""
        reports = {"images": "ImageExampleGen", "pairs": "PairGenerator"}
        return {name: self._report(node) for name, node in reports.items() if self._report(node)}

    def model_dir(self) -> Path | None:
        """The SavedModel that this run trained or reused."""
        model = self._artifact("Trainer", "model")
        return Path(model.uri) / "Format-Serving" if model else None

    def training_logs(self) -> Path | None:
        """The folder of the training that made this run's model: TensorBoard's files, ``augmented.png``."""
        logs = self._artifact("Trainer", "model_run")
        return Path(logs.uri) if logs else None

    def manifest(self) -> ModelManifest | None:
        """What the model that this run trained or reused says of itself."""
        path = self.model_dir()
        return ModelManifest.read(path) if path else None

    def gates(self) -> list[GateResult]:
        """The verdicts, in the order of the graph; only of gates that were reached."""
        gates = self._verdict("AnomalyGate") + self._verdict("NewData")
        if evaluation := self._artifact("Evaluator", "evaluation"):
            gates.append(limits_gate(evaluation.uri))
        gates += self._verdict("ModelGate") + self._verdict("ServingValidator")
        pushed = self._artifact("Pusher", "pushed_model")
        return push_gates(gates, pushed.custom_properties["declined"].string_value if pushed else "")

    def _verdict(self, node: str) -> list[GateResult]:
        verdict = self._artifact(node, "verdict")
        return read_verdict(verdict.uri) if verdict else []

    def metrics(self) -> tuple[dict[str, Metric], dict[str, Metric], dict[str, dict[str, float]]]:
        """(the candidate's, the baseline's, the candidate's by slice) on the test split."""
        evaluation = self._artifact("Evaluator", "evaluation")
        if not evaluation:
            return {}, {}, {}
        candidate, baseline = (_by_slice(evaluation.uri, model) for model in ("candidate", "baseline"))
        slices = {name: _measured(measures) for name, measures in candidate.items() if name}
        return _metrics(candidate.get("", {})), _metrics(baseline.get("", {})), slices

    def intervals(self) -> MeasuredIntervals | None:
        """The measures with their intervals, where the scores could be measured."""
        measured = self._artifact("ModelGate", "measures")
        text = (Path(measured.uri) / INTERVALS_FILE).read_text(encoding="utf-8") if measured else "{}"
        return MeasuredIntervals.model_validate_json(text) if json.loads(text) else None

    def baseline(self) -> dict[str, Any]:
        """What served when the run began."""
        found = self._artifact("Baseline", "found")
        return BaselineReport.read(found.uri).model_dump() if found else {}

    def push(self) -> tuple[bool, bool, int | None]:
        """(pushed now, the identical model already serves, the version that serves it)."""
        pushed = self._artifact("Pusher", "pushed_model")
        if not pushed:
            return False, False, None
        properties = pushed.custom_properties
        version = properties["pushed_version"].string_value
        now, already = properties["pushed"].int_value == 1, properties["already_serving"].int_value == 1
        return now, already, int(version) if version and (now or already) else None

    def statistics(self) -> tuple[str, str]:
        """(where the statistics of the images lie, the names of their splits as TFX writes them)."""
        artifact = self._artifact("StatisticsGen", "statistics")
        if artifact is None:
            raise LookupError("no statistics: StatisticsGen has not finished")
        return artifact.uri, artifact.properties["split_names"].string_value

    def _finished(self, node: str) -> bool:
        return node in self.nodes and self.nodes[node].finished

    def _artifact(self, node: str, key: str) -> mlmd.Artifact | None:
        return self.nodes[node].artifact(key) if self._finished(node) else None

    def quarantine(self) -> Path | None:
        """The listing of the files that were not used: path, reason, bytes."""
        return self._report_file("ImageExampleGen", "quarantine.csv")

    def near_duplicates(self) -> Path | None:
        """The listing of images that look the same: paths, distance, identities, splits."""
        return self._report_file("ImageExampleGen", "near_duplicates.csv")

    def _report(self, node: str) -> dict[str, Any]:
        path = self._report_file(node, "counts.json")
        return json.loads(path.read_text(encoding="utf-8")) if path else {}

    def _report_file(self, node: str, name: str) -> Path | None:
        report = self._artifact(node, "report")
        path = Path(report.uri) / name if report else None
        return path if path and path.is_file() else None


def _by_slice(evaluation: str, model: str) -> dict[str, dict[str, float]]:
    """Slice name ("" for the whole) -> metric -> value; empty where that model was not evaluated."""
    slices: dict[str, dict[str, float]] = {}
    for record in tfma.load_metrics(evaluation):
        name = ", ".join(f"{key.column}: {_slice_value(key)}" for key in record.slice_key.single_slice_keys)
        for measure in record.metric_keys_and_values:
            # Without a baseline TFMA leaves the candidate's name out.
            if not measure.key.is_diff and (measure.key.model_name or "candidate") == model:
                slices.setdefault(name, {})[measure.key.name] = measure.value.double_value.value
    return slices


def _slice_value(key: Any) -> str:
    kind = key.WhichOneof("kind")
    value = getattr(key, kind) if kind else ""
    return value.decode() if isinstance(value, bytes) else str(value)


def _metrics(measures: dict[str, float]) -> dict[str, Metric]:
    measured = _measured(measures)
    return {name: Metric(value=measured[name]) for name in measures_among(measured)}


def _measured(measures: dict[str, float]) -> dict[str, float]:
    """Without what has no meaning, such as the recall of a slice of impostors: JSON has no NaN."""
    return {name: value for name, value in measures.items() if not math.isnan(value)}
