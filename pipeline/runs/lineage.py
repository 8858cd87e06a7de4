"""Where a model comes from, read from the metadata store: images, code, configuration, baseline."""

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from components.baseline.report import BaselineReport
from components.run_record.lineage import Lineage, Step
from models.errors import UserError
from models.export.manifest import ModelManifest
from pipeline.runs.metadata import Node, nodes_of, read_only

# What a model is made of, from the first to the last, with what each gives; others judge it.
_MAKERS = {
    "ImageExampleGen": "examples",
    "PairGenerator": "pairs",
    "Transform": "transform_graph",
    "Tuner": "best_hyperparameters",
    "Trainer": "model",
}


def read_lineage(metadata: Path, run_id: str) -> Lineage:
    """What made the model of a run.

    Args:
      metadata: the metadata store's file.
      run_id: of the run.

    Raises:
      UserError: there is no such store, or it knows no such run.
    """
    if not metadata.is_file():
        raise UserError(f"{metadata}: there is no metadata store; nothing has run there")
    store = metadata_store.MetadataStore(read_only(metadata))
    nodes = nodes_of(store, run_id)
    if not nodes:
        raise UserError(f"run {run_id}: unknown to {metadata}; siamese runs lists those that it knows")
    baseline, model = _artifact(nodes, "Baseline", "found"), _artifact(nodes, "Trainer", "model")
    saved = Path(model.uri) / "Format-Serving" if model else None
    return Lineage(
        run_id=run_id,
        steps=[step for node in _MAKERS if (step := _step(store, nodes, node))],
        model=ModelManifest.read(saved) if saved and saved.is_dir() else None,
        images=_counts(nodes, "ImageExampleGen"),
        pairs={name: split["pairs"] for name, split in _counts(nodes, "PairGenerator").get("splits", {}).items()},
        baseline=BaselineReport.read(baseline.uri) if baseline and Path(baseline.uri).is_dir() else None,
    )


def _artifact(nodes: Mapping[str, Node], node: str, key: str) -> mlmd.Artifact | None:
    return nodes[node].artifact(key) if node in nodes and nodes[node].finished else None


def _counts(nodes: Mapping[str, Node], node: str) -> dict[str, Any]:
    """What the component counted; nothing where its report is gone."""
    report = _artifact(nodes, node, "report")
    path = Path(report.uri) / "counts.json" if report else None
    return json.loads(path.read_text(encoding="utf-8")) if path and path.is_file() else {}


def _step(store: metadata_store.MetadataStore, nodes: Mapping[str, Node], node: str) -> Step | None:
    """The node as it really ran, in this run or in the one whose results it reused."""
    given = _artifact(nodes, node, _MAKERS[node])
    if given is None:
        return None
    events = store.get_events_by_artifact_ids([given.id])
    executions = store.get_executions_by_id([one.execution_id for one in events if one.type == mlmd.Event.OUTPUT])
    maker = next(one for one in executions if one.last_known_state == mlmd.Execution.COMPLETE)
    runs = [one.name for one in store.get_contexts_by_execution(maker.id) if one.type == "pipeline_run"]
    return Step(
        node=node,
        run_id=runs[0],
        at=datetime.fromtimestamp(maker.last_update_time_since_epoch / 1000, timezone.utc),
        uri=given.uri,
        parameters={key: _value(value) for key, value in sorted(maker.custom_properties.items())},
    )


def _value(value: mlmd.Value) -> Any:
    """A property as it was given; what TFX wrote as JSON is read."""
    found = getattr(value, value.WhichOneof("value"))
    if isinstance(found, str) and found[:1] in ("{", "["):
        with suppress(ValueError):
            return json.loads(found)
    return found
