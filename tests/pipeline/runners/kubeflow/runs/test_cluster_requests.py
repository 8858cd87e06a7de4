"""What the process with the SDK is asked, and the proxy that it is given."""

import pytest

from models.errors import UserError
from pipeline.config.kubeflow_client import ConnectionSettings
from pipeline.runners.kubeflow.runs.server import Cluster, _proxy

PROXY = "http://proxy.example:3128"


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.delenv("KF_PIPELINES_ENDPOINT", raising=False)


def test_a_proxy_of_the_environment_is_used_but_not_for_this_machine(monkeypatch, server):
    monkeypatch.setenv("http_proxy", server.address)
    outside = Cluster("http://pipelines.invalid", None, ConnectionSettings())
    assert outside.ask("schedules") == {"schedules": []}
    assert server.calls()[0]["headers"]["Host"] == "pipelines.invalid"
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert Cluster(server.address, None, ConnectionSettings()).ask("schedules") == {"schedules": []}
    named = ConnectionSettings(proxy=server.address)
    assert Cluster("http://pipelines.invalid", None, named).ask("schedules") == {"schedules": []}


def test_a_proxy_that_is_not_supported_is_named(monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    with pytest.raises(UserError, match="all_proxy is a socks5 proxy") as refused:
        Cluster("http://pipelines.invalid", None, ConnectionSettings()).ask("schedules")
    assert refused.value.code == "kubeflow-no-connection"


@pytest.mark.parametrize(
    ("host", "through"),
    [
        ("https://ml.example:8443/pipeline", True),
        ("https://10.1.2.3", False),
        ("https://ui.localhost:8080", False),
        ("https://[::ffff:127.0.0.1]", False),
        ("https://[", False),
        ("no address", False),
    ],
)
def test_the_rule_is_that_of_every_other_request(monkeypatch, host, through):
    monkeypatch.setenv("https_proxy", PROXY)
    monkeypatch.setenv("no_proxy", "10.0.0.0/8")
    assert _proxy(host) == (PROXY if through else None)


def test_the_endpoint_of_the_environment_counts(monkeypatch):
    monkeypatch.setenv("https_proxy", PROXY)
    assert _proxy(None) is None
    monkeypatch.setenv("KF_PIPELINES_ENDPOINT", "https://ml.example")
    assert _proxy(None) == PROXY
