"""What the server of Kubeflow's UI answers for artifacts and logs. Standard library only: both environments use it.

Written from frontend/server/handlers/{artifacts,pod-logs}.ts and minio-helper.ts of kubeflow/pipelines 2.5 to 2.17, not
from our client. Express sends a text as text/html; what is piped has no type at all.
"""

import io
import re
import tarfile
from collections.abc import Mapping
from typing import NamedTuple

PAGE, TEXT = "text/html; charset=utf-8", "text/plain; charset=utf-8"


class Answer(NamedTuple):
    """An answer; ``kind``: its content type, None without one."""

    status: int
    body: bytes
    kind: str | None = PAGE


def artifact(query: Mapping[str, str], objects: Mapping[str, bytes], folders: bool = True) -> Answer:
    """GET /artifacts/get.

    Args:
      query: its parameters.
      objects: ``<scheme>/<bucket>/<key>`` -> content.
      folders: whether a key without an object is answered as a folder: since 2.17.
    """
    for name in ("source", "bucket", "key"):
        if not query.get(name):
            return Answer(500, f"Storage {name} is missing from artifact request".encode())
    source, bucket, key = query["source"], query["bucket"], query["key"]
    if source == "gcs":
        return _gcs(f"gs/{bucket}/{key}", objects)
    if source not in ("minio", "s3"):
        return Answer(500, b"Unknown storage source")
    content = objects.get(f"{source}/{bucket}/{key}")
    if content is not None:
        peek = int(query.get("peek") or 0)
        return Answer(200, content[:peek] if peek else content, None)
    if not folders:
        return Answer(500, b"Failed to get object in bucket: S3Error: The specified key does not exist.")
    prefix = f"{source}/{bucket}/{key.rstrip('/')}/"
    found = {name.removeprefix(prefix): objects[name] for name in sorted(objects) if name.startswith(prefix)}
    if not found:
        return Answer(404, f"No objects found at {bucket}/{key}".encode())
    if query.get("peek"):
        name = key.rstrip("/").rpartition("/")[2]
        text = f'Directory artifact "{name}" — {len(found)} file(s). Download to view contents.\n'
        return Answer(200, text.encode(), TEXT)
    return Answer(200, _packed(found), "application/gzip")


def _gcs(pattern: str, objects: Mapping[str, bytes]) -> Answer:
    """A key may have ``*``, also across folders; all objects that fit follow each other, as text."""
    wanted = re.compile(".*".join(map(re.escape, re.split(r"\*+", pattern))))
    found = [objects[name].decode().strip() + "\n" for name in sorted(objects) if wanted.fullmatch(name)]
    return Answer(200, "".join(found).encode())


def _packed(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            about = tarfile.TarInfo(name)
            about.size = len(content)
            archive.addfile(about, io.BytesIO(content))
    return buffer.getvalue()


def pod_log(query: Mapping[str, str], logs: Mapping[str, str]) -> Answer:
    """GET /k8s/pod/logs; ``logs``: pod -> its log, also of a deleted one that Argo has archived."""
    pod = query.get("podname")
    if not pod:
        return Answer(400, b"podname argument is required")
    if pod not in logs:
        return Answer(500, b"Could not get main container logs: Error: Unable to retrieve workflow status: 404.")
    return Answer(200, logs[pod].encode(), None)
