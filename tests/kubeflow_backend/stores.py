"""The object store and the metadata store: ``v2/metadata/client.go`` and ``converter.go``."""

import threading
from pathlib import Path
from typing import Any

from google.protobuf import json_format, struct_pb2
from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from kubeflow_backend.specification import Refused

_SCHEMES = {"gs://": "gcs", "s3://": "s3", "minio://": "minio"}


class Stores:
    """Buckets in a folder, and ML Metadata in memory."""

    def __init__(self, folder: Path) -> None:
        self.bucket = folder / "buckets"
        config = mlmd.ConnectionConfig()
        config.fake_database.SetInParent()
        self._metadata, self._lock = metadata_store.MetadataStore(config), threading.Lock()

    def place(self, uri: str) -> Path:
        """What the launcher makes of a URI: a path, relative to the buckets here and to / in a pod."""
        scheme = next((scheme for scheme in _SCHEMES if uri.startswith(scheme)), None)
        if scheme is None:
            raise Refused(f"unsupported storage scheme: {uri}")
        return Path(_SCHEMES[scheme]) / uri.removeprefix(scheme)

    def record(self, title: str, uri: str, metadata: dict[str, Any]) -> int:
        """Puts an artifact into the metadata store; returns its id."""
        with self._lock:
            type_id = self._metadata.put_artifact_type(mlmd.ArtifactType(name=title), can_add_fields=True)
            artifact = mlmd.Artifact(type_id=type_id, uri=uri, state=mlmd.Artifact.LIVE)
            for name, value in metadata.items():
                artifact.custom_properties[name].CopyFrom(_to_mlmd(name, value))
            return int(self._metadata.put_artifacts([artifact])[0])

    def runtime_artifact(self, artifact_id: int) -> dict[str, Any]:
        """An artifact as the driver hands it to the next task."""
        with self._lock:
            (artifact,) = self._metadata.get_artifacts_by_id([artifact_id])
        metadata = {name: _from_mlmd(value) for name, value in artifact.custom_properties.items()}
        return {"name": str(artifact_id), "uri": artifact.uri, "metadata": metadata}


def _to_mlmd(name: str, value: Any) -> mlmd.Value:
    if isinstance(value, str):
        return mlmd.Value(string_value=value)
    if isinstance(value, bool):
        return mlmd.Value(int_value=int(value))
    if isinstance(value, (int, float)):
        return mlmd.Value(double_value=float(value))
    if isinstance(value, (list, dict)):
        struct = struct_pb2.Struct()
        struct.update({"list" if isinstance(value, list) else "struct": value})
        return mlmd.Value(struct_value=struct)
    raise Refused(f"metadata {name}: unknown/unsupported value type of {value!r}")


def _from_mlmd(value: mlmd.Value) -> Any:
    kind = value.WhichOneof("value")
    found = getattr(value, kind)
    if kind == "struct_value":
        return json_format.MessageToDict(found)
    return found if kind == "string_value" else float(found)
