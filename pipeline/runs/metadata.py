"""The nodes of a run and their output artifacts, from the metadata store. Needs neither TFX nor TensorFlow."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from components.run_record.files import SOURCES, Given

VERDICT_TYPE = "siamese.GateVerdict"  # of components.run_outcome.artifacts, which imports TFX
_FINISHED = (mlmd.Execution.COMPLETE, mlmd.Execution.CACHED)


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
        return self.state in _FINISHED

    @property
    def cached(self) -> bool:
        """Whether the results of an earlier run were reused."""
        return self.state == mlmd.Execution.CACHED

    def artifact(self, key: str) -> mlmd.Artifact | None:
        """The only artifact under ``key``, or None."""
        found = self.outputs.get(key, [])
        return found[0] if found else None


def read_only(path: Path) -> mlmd.ConnectionConfig:
    """A read-only connection to the store in an existing file."""
    connection = mlmd.ConnectionConfig()
    connection.sqlite.filename_uri = str(path)
    connection.sqlite.connection_mode = mlmd.SqliteMetadataSourceConfig.READONLY
    return connection


def nodes_of(store: metadata_store.MetadataStore, run_id: str) -> dict[str, Node]:
    """The nodes of a run by id, in the order of execution; empty if the store has no such run."""
    context = store.get_context_by_type_and_name("pipeline_run", run_id)
    executions = store.get_executions_by_context(context.id) if context else []
    executions.sort(key=lambda execution: execution.id)
    return {node.id: node for node in (_node(store, execution) for execution in executions)}


def artifacts_of(nodes: Mapping[str, Node]) -> dict[str, Given]:
    """The output artifacts of the completed nodes, by the names in ``run_record.files.SOURCES``."""
    found = {
        name: nodes[node].artifact(key)
        for name, (node, key) in SOURCES.items()
        if node in nodes and nodes[node].finished
    }
    return {name: Given.of(artifact) for name, artifact in found.items() if artifact}


def verdicts_of(nodes: Mapping[str, Node]) -> dict[str, Given]:
    """The artifacts of the type ``GateVerdict``, by node, in the order in which the nodes ran."""
    finished = ((node.id, artifacts) for node in nodes.values() if node.finished for artifacts in node.outputs.values())
    return {node: Given.of(one) for node, artifacts in finished for one in artifacts if one.type == VERDICT_TYPE}


def _node(store: metadata_store.MetadataStore, execution: mlmd.Execution) -> Node:
    contexts = store.get_contexts_by_execution(execution.id)
    name = next(context.name for context in contexts if context.type == "node").rpartition(".")[2]
    milliseconds = execution.last_update_time_since_epoch - execution.create_time_since_epoch
    node = Node(name, execution.last_known_state, milliseconds / 1000)
    outputs = [event for event in store.get_events_by_execution_ids([execution.id]) if event.type == mlmd.Event.OUTPUT]
    artifacts = {artifact.id: artifact for artifact in store.get_artifacts_by_id([e.artifact_id for e in outputs])}
    for event in outputs:
        key = next(step.key for step in event.path.steps if step.HasField("key"))
        node.outputs.setdefault(key, []).append(artifacts[event.artifact_id])
    return node
