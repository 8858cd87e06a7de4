"""The lineage of a run's model (images, code, configuration, baseline): read from the metadata store, and printed."""

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from components.baseline.report import BaselineReport
from components.run_outcome.summary import RunSummary
from components.run_record.lineage import Lineage, Step, lineage_lines
from models.errors import UserError
from models.export.manifest import ModelManifest
from pipeline.runs.metadata import Node, nodes_of, read_only

# The nodes that make a model, in order, and the output of each.
_OUTPUTS = {
    "ImageExampleGen": "examples",
    "PairGenerator": "pairs",
    "Transform": "transform_graph",
    "Tuner": "best_hyperparameters",
    "Trainer": "model",
}


def read_lineage(metadata: Path, run_id: str) -> Lineage:
    """The lineage of a run's model.

    Args:
      metadata: the metadata store's file.
      run_id: of the run.

    Raises:
      UserError: there is no such store, or no such run in it.
    """
    if not metadata.is_file():
        raise UserError(f"{metadata}: no such metadata store; nothing has run there", "config-no-runs")
    store = metadata_store.MetadataStore(read_only(metadata))
    nodes = nodes_of(store, run_id)
    if not nodes:
        raise UserError(f"run {run_id}: not in {metadata}; list the runs with `siamese runs`", "config-unknown-run")
    baseline, model = _artifact(nodes, "Baseline", "found"), _artifact(nodes, "Trainer", "model")
    saved = Path(model.uri) / "Format-Serving" if model else None
    return Lineage(
        run_id=run_id,
        steps=[step for node in _OUTPUTS if (step := _step(store, nodes, node))],
        model=ModelManifest.read(saved) if saved and saved.is_dir() else None,
        images=_counts(nodes, "ImageExampleGen"),
        pairs={name: split["pairs"] for name, split in _counts(nodes, "PairGenerator").get("splits", {}).items()},
        baseline=BaselineReport.read(baseline.uri) if baseline and Path(baseline.uri).is_dir() else None,
    )


def show_lineage(console: Console, lineage: Lineage, summary: RunSummary | None, serves: int | None) -> None:
    """Prints images, code, configuration and baseline, a line each, with the run that made each of them.

    Args:
      console: to write to.
      lineage: of the run.
      summary: of the run, if there is one.
      serves: the version that serves this model; None if another model serves.
    """
    title = f"version {serves} serves the model of run {lineage.run_id}" if serves else f"run {lineage.run_id}"
    status = f": {summary.status}" if summary and not serves else ""
    console.print(f"[bold]{escape(title)}[/]{status}", soft_wrap=True)
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for name, text in lineage_lines(lineage, summary):
        table.add_row(name, escape(text))
    console.print(table)


def _artifact(nodes: Mapping[str, Node], node: str, key: str) -> mlmd.Artifact | None:
    return nodes[node].artifact(key) if node in nodes and nodes[node].finished else None


def _counts(nodes: Mapping[str, Node], node: str) -> dict[str, Any]:
    """The counts in the component's report; empty if the report does not exist."""
    report = _artifact(nodes, node, "report")
    path = Path(report.uri) / "counts.json" if report else None
    return json.loads(path.read_text(encoding="utf-8")) if path and path.is_file() else {}


def _step(store: metadata_store.MetadataStore, nodes: Mapping[str, Node], node: str) -> Step | None:
    """The node as it was executed, in this run or in the run whose results it reused."""
    output = _artifact(nodes, node, _OUTPUTS[node])
    if output is None:
        return None
    events = store.get_events_by_artifact_ids([output.id])
    executions = store.get_executions_by_id([one.execution_id for one in events if one.type == mlmd.Event.OUTPUT])
    execution = next(one for one in executions if one.last_known_state == mlmd.Execution.COMPLETE)
    runs = [one.name for one in store.get_contexts_by_execution(execution.id) if one.type == "pipeline_run"]
    return Step(
        node=node,
        run_id=runs[0],
        at=datetime.fromtimestamp(execution.last_update_time_since_epoch / 1000, timezone.utc),
        uri=output.uri,
        parameters={key: _value(value) for key, value in sorted(execution.custom_properties.items())},
    )


def _value(value: mlmd.Value) -> Any:
    """The value of a property; JSON that TFX wrote is parsed."""
    found = getattr(value, value.WhichOneof("value"))
    if isinstance(found, str) and found[:1] in ("{", "["):
        with suppress(ValueError):
            return json.loads(found)
    return found
