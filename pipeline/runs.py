"""Reads back what a run left in the metadata store and its artifacts."""

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from components.run_report.record import SOURCES, Given, RunRecord
from pipeline.metadata import Node, nodes_of


class StoredRun(RunRecord):
    """One run, with its nodes by id.

    Args:
      connection: of the metadata store.
      run_id: TFX's id of the run.
    """

    def __init__(self, connection: mlmd.ConnectionConfig, run_id: str) -> None:
        self.nodes = nodes_of(metadata_store.MetadataStore(connection), run_id)
        found = {name: self._artifact(*source) for name, source in SOURCES.items()}
        super().__init__({name: Given.of(artifact) for name, artifact in found.items() if artifact})

    def _artifact(self, node: str, key: str) -> mlmd.Artifact | None:
        found: Node | None = self.nodes.get(node)
        return found.artifact(key) if found and found.finished else None
