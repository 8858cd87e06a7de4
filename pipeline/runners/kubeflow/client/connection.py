"""The SDK's client, with the credentials of the environment, and its failures.

A failure is one line, with the error code where the user can fix it.
"""

import json
import os
import re
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import kfp.client
import kfp_server_api
import urllib3.exceptions as http
from kfp.client import KF_PIPELINES_SA_TOKEN_ENV, KF_PIPELINES_SA_TOKEN_PATH
from urllib3 import HTTPResponse

Request = Mapping[str, Any]
Say = Callable[[dict[str, Any]], None]  # writes one line of the answer

_BYTES = 64 << 20  # of an answer
_NOTHING: Mapping[str, str] = {}
_CREDENTIALS = "SIAMESE_KFP_TOKEN, KF_PIPELINES_SA_TOKEN_PATH (a file) or SIAMESE_KFP_COOKIES"
_STATUSES: dict[int, tuple[str, str | None]] = {
    400: ("refused (400)", "kubeflow-request-refused"),
    401: (f"not logged in (401): set {_CREDENTIALS}", "kubeflow-not-logged-in"),
    403: ("not allowed (403)", "kubeflow-not-allowed"),
    404: ("not found (404)", "kubeflow-not-found"),
    409: ("it exists already (409)", "kubeflow-exists"),
}


class Failed(Exception):
    """A failure that the user cannot fix from here; the message is one line."""

    code: str | None = None


class Refused(Failed):
    """An error that the user can fix; ``code`` is of ``models.error_codes``, which this environment cannot import."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


def explain(error: BaseException, address: str) -> tuple[str, str | None]:
    """(the message, the error code; None where the user cannot fix it)."""
    if isinstance(error, Failed):
        return str(error), error.code
    if isinstance(error, kfp_server_api.ApiException):
        what, code = _answered(error)
    elif isinstance(error, http.HTTPError):
        what, code = _unanswered(error)
    elif isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}", "kubeflow-file-unreadable"
    else:
        what, code = f"{type(error).__name__}: {_line(str(error))}", None
    return f"{address or 'the server'}: {what}", code


def is_temporary(error: BaseException) -> bool:
    """Whether the same call may succeed later."""
    if isinstance(error, kfp_server_api.ApiException):
        return error.status == 429 or error.status >= 500
    return isinstance(error, http.HTTPError) and not isinstance(error, http.LocationValueError)


def _answered(error: Any) -> tuple[str, str | None]:
    """Of an answer: its body is JSON in one of two forms, or text."""
    try:
        body = json.loads(error.body)
        message = body.get("message") or body.get("error_message") or body.get("error") or ""
    except (TypeError, ValueError, AttributeError):
        message = error.body or error.reason or ""
    if isinstance(message, str) and message.lstrip().startswith("<"):  # a page, of a server that has no such call
        message = error.reason or ""
    why = _line(message if isinstance(message, str) else json.dumps(message))
    what, code = _STATUSES.get(error.status, (f"the server failed ({error.status})", None))
    return f"{what}: {why}" if why else what, code


def _unanswered(error: BaseException) -> tuple[str, str | None]:
    cause = getattr(error, "reason", None)
    while isinstance(cause, http.HTTPError) and isinstance(getattr(cause, "reason", None), BaseException):
        error, cause = cause, getattr(cause, "reason", None)
    cause = cause if isinstance(cause, BaseException) else error
    inner = cause.args[-1] if cause.args and isinstance(cause.args[-1], BaseException) else cause
    text = _line(str(inner))
    if isinstance(cause, http.NameResolutionError):
        return "no host has that name", "kubeflow-no-connection"
    if isinstance(cause, http.NewConnectionError):
        why = "refused" if "refused" in text else text.rpartition(": ")[2]
        return f"no connection ({why}); check the address, and that the port-forward runs", "kubeflow-no-connection"
    if isinstance(cause, http.ConnectTimeoutError):
        return "no connection in time; check the address", "kubeflow-no-connection"
    if isinstance(cause, http.ProxyError):
        return f"the proxy did not connect: {text}", "kubeflow-no-connection"
    if isinstance(cause, http.SSLError) or "SSL" in text or "certificate" in text.lower():
        return f"no TLS connection: {text}; kubeflow.connection.ca_file names a certificate to trust", "kubeflow-no-tls"
    if isinstance(cause, http.LocationValueError):
        return "must be an address such as http://localhost:8080", "kubeflow-no-address"
    if isinstance(cause, http.ReadTimeoutError):
        return "no answer in time (kubeflow.connection.timeout)", None
    return f"the connection broke off: {text}", None


def _line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 500 else line[:500] + " ..."


class _Rest(kfp_server_api.rest.RESTClientObject):
    """Calls that are bounded in time and bytes; a web page is not an answer."""

    timeout = (10.0, 60.0)  # seconds: to connect, to answer

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._send, self.pool_manager.request = self.pool_manager.request, self._bounded

    def _bounded(self, method: str, url: str, preload_content: bool = True, **options: Any) -> Any:
        """An answer of at most ``_BYTES``, unless it is streamed."""
        answer = self._send(method, url, preload_content=False, **options)
        if not preload_content:
            return answer
        content = answer.read(_BYTES + 1, decode_content=True)
        answer.close()
        if len(content) > _BYTES:
            raise Failed(f"{url.partition('/apis/')[0]}: the answer is longer than {_BYTES:,} bytes")
        return HTTPResponse(content, answer.headers, answer.status, reason=answer.reason)

    def request(self, method: str, url: str, **options: Any) -> Any:
        options["_request_timeout"] = options.get("_request_timeout") or self.timeout
        call = super().request
        answer = in_time(sum(self.timeout), url, lambda: call(method, url, **options))
        if "/apis/" in url and "text/html" in (answer.getheader("Content-Type") or ""):
            address = url.partition("/apis/")[0]
            message = (
                f"{address}: a web page answered, not the API (probably a login page): set {_CREDENTIALS}, or bypass "
                "the gateway: kubectl port-forward -n kubeflow svc/ml-pipeline 8888"
            )
            raise Refused(message, code="kubeflow-not-logged-in")
        return answer


def in_time(seconds: float, url: str, call: Callable[[], Any]) -> Any:
    """The result of a call that ends in time: a timeout of a socket starts again with every byte that drips."""
    ended: list[tuple[Any, BaseException | None]] = []

    def run() -> None:
        try:
            ended.append((call(), None))
        except BaseException as error:  # noqa: BLE001 - it is raised below
            ended.append((None, error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if not ended:
        raise http.ReadTimeoutError(None, url, "no answer in time")  # type: ignore[arg-type]
    result, error = ended[0]
    if error:
        raise error
    return result


class Client(kfp.client.Client):
    """The SDK's client."""

    def __init__(self, host: str | None, **options: Any) -> None:
        self._named = bool(host or os.environ.get("KF_PIPELINES_ENDPOINT"))
        self._healthz: Any = None
        self.kube_context = options.get("kube_context")
        super().__init__(host=host, **options)

    def get_kfp_healthz(self, sleep_duration: int = 0) -> Any:  # noqa: ARG002 - the SDK's signature
        """One call: the SDK's own retries for 25 seconds, whatever the answer is.

        Raises:
          Refused: no address is known.
        """
        if not self._named and self.address == kfp_server_api.Configuration().host:
            message = "no address: set --host, kubeflow.host or KF_PIPELINES_ENDPOINT, or provide a kubeconfig"
            raise Refused(message, code="kubeflow-no-address")
        self._healthz = self._healthz or self._healthz_api.healthz_service_get_healthz()
        return self._healthz

    def set_user_namespace(self, namespace: str) -> None:
        """Sets the namespace of this client: the SDK's own method writes it into the user's home, for all clients."""
        self._context_setting["namespace"] = namespace

    @property
    def namespace(self) -> str | None:
        """The user's namespace on a multi-user server."""
        return self.get_user_namespace() or None

    def experiment_id(self, name: str) -> str:
        """The id of the experiment, which is created where it does not exist."""
        return str(self.create_experiment(name, namespace=self.namespace).experiment_id)

    @property
    def address(self) -> str:
        """The address of the API."""
        return str(self._existing_config.host)

    @property
    def ui(self) -> str:
        """The address of the UI's server, which may be that of the API as well: it passes requests on."""
        if self._uihost:
            return str(self._get_url_prefix()).rstrip("/")
        in_cluster = re.sub(r"^(https?://)?ml-pipeline\.([^:]+):8888$", r"http://ml-pipeline-ui.\2", self.address)
        return in_cluster.replace("/services/ml-pipeline:", "/services/ml-pipeline-ui:").rstrip("/")

    def get(self, path: str, query: Mapping[str, str] = _NOTHING, host: str | None = None, page: bool = False) -> bytes:
        """The answer to a call that has no method of the SDK: at most ``_BYTES``, in time.

        Args:
          path: of the call, quoted.
          query: its parameters.
          host: default: the API's address.
          page: whether the answer may be a web page.

        Raises:
          Refused: it is a web page, such as a login page.
          Failed: it is longer. Also the errors of the SDK and of HTTP.
        """
        answer = self._run_api.api_client.call_api(
            path,
            "GET",
            query_params=list(query.items()),
            auth_settings=["Bearer"],
            _preload_content=False,
            _return_http_data_only=True,
            _host=host,
        )
        if not page and "text/html" in (answer.getheader("Content-Type") or ""):
            message = f"a web page answered (probably a login page): set {_CREDENTIALS}"
            raise Refused(message, code="kubeflow-not-logged-in")
        content: bytes = in_time(sum(_Rest.timeout), path, lambda: answer.read(_BYTES + 1, decode_content=True))
        answer.close()
        if len(content) > _BYTES:
            raise Failed(f"{path}: the answer is longer than {_BYTES:,} bytes")
        return content

    def link(self, kind: str, identity: str) -> str:
        """The page of a run or a recurring run."""
        return f"{self._get_url_prefix()}/#/{kind}/details/{identity}"


def connect(
    host: str | None,
    namespace: str | None,
    kube_context: str | None = None,
    proxy: str | None = None,
    ca_file: str | None = None,
    verify_tls: bool = True,
    timeout: float = 60,
) -> Client:
    """A client that has reached its server.

    Args:
      host: default: ``KF_PIPELINES_ENDPOINT``, the service of the cluster that this runs in, or ``kubectl``'s cluster.
      namespace: of a server of many users.

    Raises:
      Refused: an option is missing. Also the errors of the SDK and of HTTP in the first call.
    """
    _Rest.timeout = (min(10, timeout), timeout)
    kfp_server_api.api_client.rest.RESTClientObject = _Rest
    client = Client(
        host=host,
        kube_context=kube_context,
        proxy=proxy,
        ssl_ca_cert=ca_file,
        verify_ssl=None if verify_tls else False,
        **_credentials(bool(host or os.environ.get("KF_PIPELINES_ENDPOINT"))),
    )
    healthz = client.get_kfp_healthz()
    if namespace:
        client.set_user_namespace(namespace)
    if healthz.multi_user and not client.namespace:
        message = f"{client.address}: a multi-user server needs a namespace: set --namespace or kubeflow.namespace"
        raise Refused(message, code="kubeflow-no-namespace")
    return client


def _credentials(named: bool) -> dict[str, Any]:
    """The credentials that the SDK takes as arguments; others it reads from the environment itself."""
    found: dict[str, Any] = {}
    if cookies := os.environ.get("SIAMESE_KFP_COOKIES"):
        found["cookies"] = cookies
    if token := os.environ.get("SIAMESE_KFP_TOKEN"):
        found["existing_token"] = token
    elif os.environ.get(KF_PIPELINES_SA_TOKEN_ENV) or (named and Path(KF_PIPELINES_SA_TOKEN_PATH).is_file()):
        # Read again for every call: the kubelet renews it. (Without an address the SDK does this itself.)
        found["credentials"] = kfp.client.ServiceAccountTokenVolumeCredentials()
    return found
