"""The record of a run, read from the metadata store."""

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from components.run_record.record import RunRecord
from pipeline.runs.metadata import artifacts_of, nodes_of, verdicts_of


class StoredRun(RunRecord):
    """The record of one run, with its nodes by id.

    Args:
      connection: of the metadata store.
      run_id: of the run.
    """

    def __init__(self, connection: mlmd.ConnectionConfig, run_id: str) -> None:
        self.nodes = nodes_of(metadata_store.MetadataStore(connection), run_id)
        super().__init__(artifacts_of(self.nodes), verdicts_of(self.nodes))
