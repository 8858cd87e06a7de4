"""A client of the server, with the credentials that the environment offers."""

import os
from pathlib import Path
from typing import Any

import kfp.client
import kfp_server_api
from kfp.client import KF_PIPELINES_SA_TOKEN_ENV, KF_PIPELINES_SA_TOKEN_PATH

from pipeline.runners.kubeflow.client.failures import CREDENTIALS, Refused


class _Rest(kfp_server_api.rest.RESTClientObject):
    """Calls that come to an end, and no web page taken for an answer."""

    timeout = (10.0, 60.0)  # seconds: to connect, to answer

    def request(self, method: str, url: str, **options: Any) -> Any:
        options["_request_timeout"] = options.get("_request_timeout") or self.timeout
        answer = super().request(method, url, **options)
        if "text/html" in (answer.getheader("Content-Type") or ""):
            address = url.partition("/apis/")[0]
            raise Refused(
                f"{address}: a web page answered, not the API: a login page, most likely; set {CREDENTIALS}, or go "
                "past the gateway: kubectl port-forward -n kubeflow svc/ml-pipeline 8888"
            )
        return answer


class Client(kfp.client.Client):
    """The SDK's client."""

    def __init__(self, host: str | None, **options: Any) -> None:
        self._named = bool(host or os.environ.get("KF_PIPELINES_ENDPOINT"))
        self._healthz: Any = None
        super().__init__(host=host, **options)

    def get_kfp_healthz(self, sleep_duration: int = 0) -> Any:  # noqa: ARG002 - the SDK's signature
        """One call: the SDK's own tries for 25 seconds, whatever the answer is.

        Raises:
          Refused: no address is known.
        """
        if not self._named and self.address == kfp_server_api.Configuration().host:
            raise Refused("no address: say --host, set kubeflow.host or KF_PIPELINES_ENDPOINT, or have a kubeconfig")
        self._healthz = self._healthz or self._healthz_api.healthz_service_get_healthz()
        return self._healthz

    def set_user_namespace(self, namespace: str) -> None:
        """Of this client: the SDK's own writes it into the user's home for all later ones."""
        self._context_setting["namespace"] = namespace

    @property
    def address(self) -> str:
        """Where the API is."""
        return str(self._existing_config.host)

    @property
    def api(self) -> Any:
        """What the SDK's own calls go through, for calls that it has no method for."""
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
      Refused: the user has to say more; of the SDK and of HTTP, whatever the first call comes to.
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
        raise Refused(f"{client.address}: a server of many users: say --namespace, or set kubeflow.namespace")
    return client


def _credentials(named: bool) -> dict[str, Any]:
    """What the SDK takes as arguments; what it reads from the environment by itself is left to it."""
    given: dict[str, Any] = {}
    if cookies := os.environ.get("SIAMESE_KFP_COOKIES"):
        given["cookies"] = cookies
    if token := os.environ.get("SIAMESE_KFP_TOKEN"):
        given["existing_token"] = token
    elif os.environ.get(KF_PIPELINES_SA_TOKEN_ENV) or (named and Path(KF_PIPELINES_SA_TOKEN_PATH).is_file()):
        # Read anew for every call: the kubelet renews it. (Without an address the SDK does this by itself.)
        given["credentials"] = kfp.client.ServiceAccountTokenVolumeCredentials()
    return given
