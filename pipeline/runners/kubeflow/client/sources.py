"""Where the logs and files of a run can be read from: the UI's server, the API server, Kubernetes.

They are asked in this order. The UI's server reads logs with the cluster's rights and files with its keys of the object
store (frontend/server/{app,handlers/artifacts,handlers/pod-logs}.ts of kubeflow/pipelines): nobody needs either here.
The API server of a standalone installation looks for pods in no namespace, and for archived logs under another prefix
than Argo's configuration has (ReadLog in backend/src/apiserver/resource/resource_manager.go): it often answers 400.
"""

import io
import tarfile
from typing import Any, Protocol
from urllib.parse import quote

import kfp_server_api
import urllib3.exceptions as http

from pipeline.runners.kubeflow.client.connection import Client, Failed, explain, in_time
from pipeline.runners.kubeflow.client.steps import UI_STORES

DEFAULT_NAMESPACE = "kubeflow"  # of a standalone installation

_LOG = "/apis/v1alpha1/runs/{run}/nodes/{pod}/log"  # in every version from 2.0 to 2.17 (backend/src/apiserver/main.go)
_BYTES = 64 << 20  # of a log or a file
_SECONDS = 20.0  # to wait for Kubernetes
_LONGEST = 160  # characters of a reason


class LogSource(Protocol):
    """Reads the logs of pods; ``name`` is for messages."""

    name: str

    def log(self, pod: str, namespace: str, created: str) -> str:
        """The log of a pod's main container; raises an exception where it is not available."""


class UiServer:
    """The server of the UI, at the given address."""

    def __init__(self, client: Client, run_id: str) -> None:
        self._client, self._run_id, self.name = client, run_id, f"the UI's server {client.ui}"

    def log(self, pod: str, namespace: str, created: str) -> str:
        """The log, of a deleted pod from Argo's archive."""
        query = {"podname": pod, "podnamespace": namespace, "createdat": created, "runid": self._run_id}
        return self._client.get("/k8s/pod/logs", query, self._client.ui).decode(errors="replace")

    def file(self, folder: str, pattern: str, namespace: str) -> bytes | None:
        """The content of a file below a folder of the pipeline root; None where there is none.

        Args:
          folder: its URI.
          pattern: below it, with ``*`` for one part.
          namespace: of the run.

        Raises:
          Exception: the server cannot read the store, or is of a version that reads no folder (before 2.17).
        """
        if folder.startswith("gs://"):  # it reads patterns there, and no folders
            return self._object(f"{folder}/{pattern}", namespace) or None
        packed = self._object(folder, namespace)
        if packed is None:
            return None
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            for member in archive:
                if member.isfile() and member.size <= _BYTES and _fits(member.name, pattern):
                    return archive.extractfile(member).read()  # type: ignore[union-attr]
        return None

    def _object(self, uri: str, namespace: str) -> bytes | None:
        """One object of the store, or a folder as ``tar.gz``; None where there is nothing."""
        scheme, _, path = uri.partition("://")
        bucket, _, key = path.partition("/")
        query = {"source": UI_STORES[scheme], "bucket": bucket, "key": key, "namespace": namespace}
        try:
            return self._client.get("/artifacts/get", query, self._client.ui, page=scheme == "gs")
        except kfp_server_api.ApiException as error:
            if error.status == 404 and "No objects found" in str(error.body):
                return None
            raise


class ApiServer:
    """The server of the API."""

    def __init__(self, client: Client, run_id: str) -> None:
        self._client, self._run_id, self.name = client, run_id, f"the API server {client.address}"

    def log(self, pod: str, namespace: str, created: str) -> str:  # noqa: ARG002 - it knows the run's own
        """The log, of a deleted pod from the archive that the server is configured with."""
        return self._client.get(_LOG.format(run=quote(self._run_id), pod=quote(pod))).decode(errors="replace")


class Kubectl:
    """Kubernetes, with the configuration of ``kubectl``."""

    name = "kubectl's configuration"

    def __init__(self, context: str | None) -> None:
        self._context = context
        self._pods: Any = None

    def log(self, pod: str, namespace: str, created: str) -> str:  # noqa: ARG002 - pods have names that are unique
        """The log of a pod that has not been deleted."""
        content: bytes = in_time(_SECONDS, self.name, lambda: self._read(pod, namespace or DEFAULT_NAMESPACE))
        return content.decode(errors="replace")

    def _read(self, pod: str, namespace: str) -> Any:
        if self._pods is None:
            from kubernetes import client, config

            self._pods = client.CoreV1Api(config.new_client_from_config(context=self._context))
        # Not as the client parses it: a log of one line of JSON would come as a table.
        options = {"_preload_content": False, "_request_timeout": (5, _SECONDS)}
        return self._pods.read_namespaced_pod_log(
            pod, namespace, container="main", limit_bytes=_BYTES, **options
        ).read()


class Sources:
    """All sources of one run, asked in their order; namespaces may be empty where they are not known.

    Attributes:
      answered: the name of the source that answered last; None where none has.
      reasons: source -> why it did not answer, in one line.
    """

    def __init__(self, client: Client, run_id: str) -> None:
        self._client = client
        self.ui = UiServer(client, run_id)
        self._all: tuple[LogSource, ...] = (self.ui, ApiServer(client, run_id), Kubectl(client.kube_context))
        self._reachable: list[LogSource] = list(self._all)
        self.answered: str | None = None
        self.reasons: dict[str, str] = {}

    def renew(self) -> None:
        """Asks those again that could not be reached."""
        self._reachable = list(self._all)

    def log(self, pods: list[str], namespace: str, created: str) -> str | None:
        """The log of the first of these pods that has one; None where no source has any."""
        for source in tuple(self._reachable):
            for pod in pods:
                try:
                    text = source.log(pod, namespace, created)
                except Exception as error:  # noqa: BLE001 - the next one may answer
                    self.reasons[source.name] = self._why(error)
                    if getattr(error, "status", None):  # an answer, of the servers or of Kubernetes
                        continue
                    self._reachable.remove(source)
                    break
                self.answered = source.name
                return text
        return None

    def file(self, folder: str, pattern: str, namespace: str) -> bytes | None:
        """A file of the pipeline root; None where no source has it."""
        if folder.partition("://")[0] not in UI_STORES:
            return None
        try:
            content = self.ui.file(folder, pattern, namespace)
        except Exception as error:  # noqa: BLE001 - the caller has other ways
            self.reasons[self.ui.name] = self._why(error)
            return None
        self.answered = self.ui.name if content is not None else self.answered
        return content

    def _why(self, error: Exception) -> str:
        if isinstance(error, (kfp_server_api.ApiException, http.HTTPError, Failed)):
            reason = explain(error, "")[0].removeprefix("the server: ")
        else:
            reason = str(getattr(error, "reason", None) or error) or type(error).__name__
        line = " ".join(reason.split())
        return line if len(line) <= _LONGEST else f"{line[:_LONGEST]} ..."


def _fits(name: str, pattern: str) -> bool:
    """Whether a path has the parts of a pattern, of which ``*`` is any."""
    parts, wanted = name.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(want in ("*", part) for part, want in zip(parts, wanted, strict=True))
