"""The object store and the metadata store: ``v2/objectstore``, ``v2/metadata/client.go`` and ``converter.go``."""

import os
import shutil
import threading
from pathlib import Path
from typing import Any

import yaml
from google.protobuf import json_format, struct_pb2
from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd
from s3fs import S3FileSystem

from kubeflow_backend.specification import Refused

_SCHEMES = {"gs://": "gcs", "s3://": "s3", "minio://": "minio"}


class Stores:
    """Buckets in a folder, and ML Metadata in memory."""

    def __init__(self, folder: Path) -> None:
        self.bucket = folder / "buckets"
        config = mlmd.ConnectionConfig()
        config.fake_database.SetInParent()
        self._metadata, self._lock = metadata_store.MetadataStore(config), threading.Lock()

    def path(self, uri: str) -> Path:
        """The launcher's path of a URI, relative to the buckets here and to / in a pod."""
        scheme = next((scheme for scheme in _SCHEMES if uri.startswith(scheme)), None)
        if scheme is None:
            raise Refused(f"failed to generate local path for URI {uri}: unsupported storage scheme")
        return Path(_SCHEMES[scheme]) / uri.removeprefix(scheme)

    def local(self, uri: str) -> Path:
        """Where an artifact lies, for a test to look at it."""
        return self.bucket / self.path(uri)

    def download(self, uri: str, local: Path) -> None:
        """Fetches every object whose key begins with the artifact's, as older launchers do.

        So ``model_run/log`` is fetched with ``model``; finding nothing is not an error.
        """
        source = self.bucket / self.path(uri)
        for beginning in source.parent.glob(f"{source.name}*"):
            for file in (beginning, *beginning.rglob("*")):
                if file.is_file():
                    target = Path(os.path.normpath(local / os.path.relpath(file, source)))
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(file, target)

    def upload(self, local: Path, uri: str, root: str) -> None:
        """Copies a file, or the files of a folder, to ``uri``; an empty or missing folder copies nothing.

        Raises:
          Refused: the URI is not one of the run's, or a link stands for a folder.
        """
        if not uri.startswith(f"{root}/"):
            raise Refused(f"URI {uri!r} does not have expected bucket prefix {root!r}")
        if local.exists():
            self._upload(local, self.bucket / self.path(uri))

    def _upload(self, local: Path, target: Path) -> None:
        if local.is_dir():
            for entry in os.scandir(local):
                if entry.is_symlink() and Path(entry).is_dir():
                    raise Refused(f"uploadFile(): unable to complete copying {entry.path!r}: is a directory")
                self._upload(Path(entry), target / entry.name)
        else:
            self._put(local, target)

    def _put(self, local: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(local, target)

    def record(self, key: str, schema: str, uri: str, metadata: dict[str, Any]) -> int:
        """Puts an artifact into the metadata store, with what the launcher adds; returns its id."""
        title = (yaml.safe_load(schema) or {}).get("title")
        if not title:
            raise Refused("No title specified")
        added = {"display_name": key, "store_session_info": '{"Provider":"minio","Params":{"fromEnv":"false"}}'}
        with self._lock:
            type_id = self._metadata.put_artifact_type(mlmd.ArtifactType(name=title), can_add_fields=True)
            artifact = mlmd.Artifact(type_id=type_id, uri=uri, state=mlmd.Artifact.LIVE)
            for name, value in {**added, **metadata}.items():
                artifact.custom_properties[name].CopyFrom(_to_mlmd(name, value))
            return int(self._metadata.put_artifacts([artifact])[0])

    def runtime_artifact(self, artifact_id: int) -> dict[str, Any]:
        """An artifact as the driver hands it to the next task: its type has been forgotten."""
        with self._lock:
            (artifact,) = self._metadata.get_artifacts_by_id([artifact_id])
        metadata = {name: _from_mlmd(value) for name, value in artifact.custom_properties.items()}
        return {
            "name": str(artifact_id),
            "type": {"instanceSchema": ""},
            "uri": artifact.uri,
            "metadata": metadata,
        }


class S3Stores(Stores):
    """The same with its buckets in a real object store, whose address and keys are in the environment."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._s3 = S3FileSystem()

    def local(self, uri: str) -> Path:
        self.download(uri, super().local(uri))
        return super().local(uri)

    def download(self, uri: str, local: Path) -> None:
        key = uri.removeprefix("s3://")
        bucket, _, prefix = key.partition("/")
        self._s3.invalidate_cache()
        for name in self._s3.find(bucket, prefix=prefix):
            target = Path(os.path.normpath(local / os.path.relpath(name, key)))
            target.parent.mkdir(parents=True, exist_ok=True)
            self._s3.get_file(name, str(target))

    def _put(self, local: Path, target: Path) -> None:
        self._s3.put_file(str(local), str(target.relative_to(self.bucket / _SCHEMES["s3://"])))


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
