"""Where the launcher puts artifacts: ``minio://bucket/key`` is copied from and to ``/minio/bucket/key``.

TFX looks at URIs alone and knows nothing of these folders. The folders are those of ``LocalPathForURI`` in the
launcher (kubeflow/pipelines, backend/src/v2/component/launcher_v2.go).
"""

import os
from typing import Any

MOUNT_ROOT = "SIAMESE_MOUNT_ROOT"  # environment: above the folders below; "/" in a pod
_FOLDERS = {"gs://": "gcs", "s3://": "s3", "minio://": "minio"}


def local_path(uri: str, root: str | None = None) -> str:
    """The path that stands for ``uri`` in the pod; a URI of another kind stays as it is."""
    root = root or os.environ.get(MOUNT_ROOT, "/")
    for scheme, folder in _FOLDERS.items():
        if uri.startswith(scheme):
            return f"{root.rstrip('/')}/{folder}/{uri.removeprefix(scheme)}"
    return uri


class LocalUris:
    """The artifacts of one node by the paths that stand for them, to put the URIs back where paths have leaked."""

    def __init__(self) -> None:
        self._uris: dict[str, str] = {}

    def localise(self, uri: str) -> str:
        """The path that stands for ``uri``, remembered."""
        path = local_path(uri)
        self._uris[path] = uri
        return path

    def restore(self, text: str) -> str:
        """``text`` with every such path, whole or as the beginning of one, turned back into its URI."""
        for path in sorted(self._uris, key=len, reverse=True):  # a longer path may begin with a shorter one
            text = text.replace(path, self._uris[path])
        return text


def open_root(uri: str) -> tuple[Any, str]:
    """(fsspec's file system, path in it) of a pipeline root or of anything below it.

    Raises:
      Exception: whatever the client of an object store raises if it is missing.
    """
    import fsspec

    scheme, _, path = uri.partition("://") if "://" in uri else ("file", "", uri)
    options: dict[str, Any] = {}
    if scheme == "minio":  # the backend's own name for an object store that speaks S3
        scheme = "s3"
        if endpoint := os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL"):
            options["endpoint_url"] = endpoint
    return fsspec.filesystem(scheme, **options), path.rstrip("/")
