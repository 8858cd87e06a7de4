"""Reads back what a run left in the metadata store and its artifacts."""

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from components.run_record.record import RunRecord
from pipeline.runs.metadata import given_by, nodes_of, verdicts_of


class StoredRun(RunRecord):
    """One run, with its nodes by id.

    Args:
      connection: of the metadata store.
      run_id: TFX's id of the run.
    """

    def __init__(self, connection: mlmd.ConnectionConfig, run_id: str) -> None:
        self.nodes = nodes_of(metadata_store.MetadataStore(connection), run_id)
        super().__init__(given_by(self.nodes), verdicts_of(self.nodes))
