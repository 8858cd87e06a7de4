"""Metadata stores with runs that need not have been executed."""

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd


class MetadataRecords:
    """A metadata store as TFX writes one, a node at a time."""

    def __init__(self, folder) -> None:
        self.folder, self.path = folder, folder / "metadata.sqlite"
        connection = mlmd.ConnectionConfig()
        connection.sqlite.filename_uri = str(self.path)
        connection.sqlite.connection_mode = mlmd.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
        self.store = metadata_store.MetadataStore(connection)
        self.types = {
            name: self.store.put_context_type(mlmd.ContextType(name=name))
            for name in ("pipeline", "node", "pipeline_run")
        }
        self.execution = self.store.put_execution_type(mlmd.ExecutionType(name="any"))
        self.kind = self.store.put_artifact_type(mlmd.ArtifactType(name="thing"))

    def ran(self, run: str, node: str, outputs: dict, state=mlmd.Execution.COMPLETE, **parameters) -> None:
        """``outputs``: key -> a new artifact's folder, or the id of one that is reused."""
        execution = mlmd.Execution(type_id=self.execution, last_known_state=state)
        for key, value in parameters.items():
            execution.custom_properties[key].string_value = value
        pairs = []
        for key, folder in outputs.items():
            if isinstance(folder, int):
                artifact = self.store.get_artifacts_by_id([folder])[0]
            else:
                artifact = mlmd.Artifact(type_id=self.kind, uri=str(self.folder / folder))
            event = mlmd.Event(type=mlmd.Event.OUTPUT)
            event.path.steps.add().key = key
            event.path.steps.add().index = 0
            pairs.append((artifact, event))
        contexts = [
            mlmd.Context(type_id=self.types["pipeline"], name="faces"),
            mlmd.Context(type_id=self.types["node"], name=f"faces.{node}"),
            mlmd.Context(type_id=self.types["pipeline_run"], name=run),
        ]
        self.store.put_execution(execution, pairs, contexts, reuse_context_if_already_exist=True)
