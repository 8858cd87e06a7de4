"""Runs in the metadata store: the nodes of a run with their artifacts, its record, the lineage of its model.

Only ``record_of`` needs TFX and TensorFlow.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from components.baseline.report import BaselineReport
from components.run_record.files import SOURCES, ArtifactRecord
from components.run_record.lineage import Lineage, Step
from models.errors import UserError, disk_fault
from models.export.manifest import ModelManifest
from pipeline.environment.output_folder import damaged_metadata, name_to_read, own_name

if TYPE_CHECKING:
    from components.run_record.record import RunRecord

_VERDICT_TYPE = "siamese.GateVerdict"  # of components.run_outcome.artifacts, which imports TFX

_READONLY = mlmd.SqliteMetadataSourceConfig.READONLY

# The nodes that make a model, in order, and the output of each.
_OUTPUTS = {
    "ImageExampleGen": "examples",
    "PairGenerator": "pairs",
    "Transform": "transform_graph",
    "Tuner": "best_hyperparameters",
    "Trainer": "model",
}


@dataclass
class Node:
    """One node of a run: state, duration and output artifacts."""

    id: str
    state: "mlmd.Execution.State.ValueType"
    seconds: float
    outputs: dict[str, list[mlmd.Artifact]] = field(default_factory=dict)

    @property
    def finished(self) -> bool:
        """Whether it completed, in this run or in the run whose results it reused."""
        return self.cached or self.state == mlmd.Execution.COMPLETE

    @property
    def cached(self) -> bool:
        """Whether the results of an earlier run were reused."""
        return self.state == mlmd.Execution.CACHED

    def artifact(self, key: str) -> mlmd.Artifact | None:
        """The only artifact under ``key``; None if there is none, or the node did not finish."""
        found = self.outputs.get(key, [])
        return found[0] if found and self.finished else None


def nodes_of(metadata: Path, run_id: str) -> dict[str, Node]:
    """The nodes of a run by id, in the order of execution; empty if the store has no such run.

    Args:
      metadata: the store's file; it need not exist.
      run_id: of the run.
    """
    return _nodes_of(_store(metadata), run_id, metadata.parent) if metadata.is_file() else {}


def unfinished(metadata: Path) -> set[int]:
    """The ids of the executions, of all runs, that did not end well: while no run is in progress."""
    if not metadata.is_file():
        return set()
    ended = (mlmd.Execution.COMPLETE, mlmd.Execution.CACHED)
    return {one.id for one in _store(metadata).get_executions() if one.last_known_state not in ended}


def repeat_nodes(metadata: Path, earlier: str, run_id: str) -> None:
    """Records a run of which each node reuses the artifacts of that node in an earlier run, as TFX records it.

    Args:
      metadata: the store's file.
      earlier: a run in it.
      run_id: the new run.
    """
    store = _store(metadata, mlmd.SqliteMetadataSourceConfig.READWRITE)
    run = store.get_context_by_type_and_name("pipeline_run", earlier)
    reused = []
    for execution in sorted(store.get_executions_by_context(run.id), key=lambda one: one.id):
        around = [one for one in store.get_contexts_by_execution(execution.id) if one.type in ("pipeline", "node")]
        events = [
            (None, mlmd.Event(artifact_id=one.artifact_id, type=one.type, path=one.path))
            for one in store.get_events_by_execution_ids([execution.id])
        ]
        cached = mlmd.Execution(type_id=execution.type_id, last_known_state=mlmd.Execution.CACHED)
        reused.append(store.put_execution(cached, events, around)[0])
    # Last, and in one step: a run has all its nodes or none.
    (context,) = store.put_contexts([mlmd.Context(type_id=run.type_id, name=run_id)])
    associations = [mlmd.Association(execution_id=one, context_id=context) for one in reused]
    store.put_attributions_and_associations([], associations)


def artifacts_of(nodes: Mapping[str, Node]) -> dict[str, ArtifactRecord]:
    """The output artifacts of the completed nodes, by the names in ``run_record.files.SOURCES``."""
    found = {name: nodes[node].artifact(key) for name, (node, key) in SOURCES.items() if node in nodes}
    return {name: ArtifactRecord.of(artifact) for name, artifact in found.items() if artifact}


def record_of(nodes: Mapping[str, Node]) -> "RunRecord":
    """The record of a run: its artifacts, and its verdicts in the order in which the nodes ran."""
    from components.run_record.record import RunRecord

    finished = ((node.id, artifacts) for node in nodes.values() if node.finished for artifacts in node.outputs.values())
    verdicts = {
        node: ArtifactRecord.of(one) for node, artifacts in finished for one in artifacts if one.type == _VERDICT_TYPE
    }
    return RunRecord(artifacts_of(nodes), verdicts)


def read_lineage(metadata: Path, run_id: str) -> Lineage:
    """The lineage of a run's model: images, code, configuration, baseline.

    Raises:
      UserError: there is no such store, or no such run in it.
    """
    if not metadata.is_file():
        raise UserError(f"{metadata}: no such metadata store; nothing has run there", "config-no-runs")
    store = _store(metadata)
    nodes = _nodes_of(store, run_id, metadata.parent)
    if not nodes:
        raise UserError(f"run {run_id}: not in {metadata}; list the runs with `siamese runs`", "config-unknown-run")
    baseline, model = _artifact(nodes, "Baseline", "found"), _artifact(nodes, "Trainer", "model")
    saved = Path(model.uri) / "Format-Serving" if model else None
    return Lineage(
        run_id=run_id,
        steps=[step for node in _OUTPUTS if (step := _step(store, nodes, node, metadata.parent))],
        model=ModelManifest.read(saved) if saved and saved.is_dir() else None,
        images=_counts(nodes, "ImageExampleGen"),
        pairs={name: split["pairs"] for name, split in _counts(nodes, "PairGenerator").get("splits", {}).items()},
        baseline=BaselineReport.read(baseline.uri) if baseline and Path(baseline.uri).is_dir() else None,
    )


def _store(
    path: Path, mode: "mlmd.SqliteMetadataSourceConfig.ConnectionMode.ValueType" = _READONLY
) -> metadata_store.MetadataStore:
    """The store in an existing file."""
    connection = mlmd.ConnectionConfig()
    connection.sqlite.filename_uri = str(path)
    connection.sqlite.connection_mode = mode
    try:
        return metadata_store.MetadataStore(connection)
    except Exception as error:
        if disk_fault(error):
            raise
        raise damaged_metadata(path, " ".join(str(error).split())[:200]) from error


def _nodes_of(store: metadata_store.MetadataStore, run_id: str, output: Path) -> dict[str, Node]:
    context = store.get_context_by_type_and_name("pipeline_run", run_id)
    executions = store.get_executions_by_context(context.id) if context else []
    executions.sort(key=lambda execution: execution.id)
    return {node.id: node for node in (_node(store, execution, output) for execution in executions)}


def _node(store: metadata_store.MetadataStore, execution: mlmd.Execution, output: Path) -> Node:
    contexts = store.get_contexts_by_execution(execution.id)
    name = next(context.name for context in contexts if context.type == "node").rpartition(".")[2]
    milliseconds = execution.last_update_time_since_epoch - execution.create_time_since_epoch
    node = Node(name, execution.last_known_state, milliseconds / 1000)
    outputs = [event for event in store.get_events_by_execution_ids([execution.id]) if event.type == mlmd.Event.OUTPUT]
    artifacts = {artifact.id: artifact for artifact in store.get_artifacts_by_id([e.artifact_id for e in outputs])}
    for artifact in artifacts.values():
        artifact.uri = name_to_read(artifact.uri, output)
    for event in outputs:
        key = next(step.key for step in event.path.steps if step.HasField("key"))
        node.outputs.setdefault(key, []).append(artifacts[event.artifact_id])
    return node


def _artifact(nodes: Mapping[str, Node], node: str, key: str) -> mlmd.Artifact | None:
    return nodes[node].artifact(key) if node in nodes else None


def _counts(nodes: Mapping[str, Node], node: str) -> dict[str, Any]:
    """The counts in the component's report; empty if the report does not exist."""
    report = _artifact(nodes, node, "report")
    path = Path(report.uri) / "counts.json" if report else None
    return json.loads(path.read_text(encoding="utf-8")) if path and path.is_file() else {}


def _step(store: metadata_store.MetadataStore, nodes: Mapping[str, Node], node: str, folder: Path) -> Step | None:
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
        uri=own_name(store.get_artifacts_by_id([output.id])[0].uri, folder),
        parameters={key: _value(value) for key, value in sorted(execution.custom_properties.items())},
    )


def _value(value: mlmd.Value) -> Any:
    """The value of a property; JSON that TFX wrote is parsed."""
    found = getattr(value, value.WhichOneof("value"))
    if isinstance(found, str) and found[:1] in ("{", "["):
        with suppress(ValueError):
            return json.loads(found)
    return found
