"""The SDK's client, with the credentials of the environment."""

import os
from pathlib import Path
from typing import Any

import kfp.client
import kfp_server_api
from kfp.client import KF_PIPELINES_SA_TOKEN_ENV, KF_PIPELINES_SA_TOKEN_PATH

from pipeline.runners.kubeflow.client.failures import CREDENTIALS, Refused


class _Rest(kfp_server_api.rest.RESTClientObject):
    """Calls with a timeout; a web page is not an answer."""

    timeout = (10.0, 60.0)  # seconds: to connect, to answer

    def request(self, method: str, url: str, **options: Any) -> Any:
        options["_request_timeout"] = options.get("_request_timeout") or self.timeout
        answer = super().request(method, url, **options)
        if "text/html" in (answer.getheader("Content-Type") or ""):
            address = url.partition("/apis/")[0]
            message = (
                f"{address}: a web page answered, not the API (probably a login page): set {CREDENTIALS}, or bypass "
                "the gateway: kubectl port-forward -n kubeflow svc/ml-pipeline 8888"
            )
            raise Refused(message, code="kubeflow-not-logged-in")
        return answer


class Client(kfp.client.Client):
    """The SDK's client."""

    def __init__(self, host: str | None, **options: Any) -> None:
        self._named = bool(host or os.environ.get("KF_PIPELINES_ENDPOINT"))
        self._healthz: Any = None
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
    def address(self) -> str:
        """The address of the API."""
        return str(self._existing_config.host)

    @property
    def api(self) -> Any:
        """The API client below the SDK's methods, for calls that have no method."""
        return self._run_api.api_client

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
    if healthz.multi_user and not client.get_user_namespace():
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
