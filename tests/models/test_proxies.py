"""Which requests go through which proxy."""

import pytest

from models.proxies import proxy_of

LOOPBACK = ("localhost", "app.localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]", "0.0.0.0", "::ffff:127.0.0.1")


@pytest.mark.parametrize("host", LOOPBACK)
@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "ALL_PROXY"])
def test_no_proxy_for_this_machine(monkeypatch, host, name):
    monkeypatch.setenv(name, "socks5://127.0.0.1:9")
    assert proxy_of("http", host) is None


@pytest.mark.parametrize(
    ("exempt", "host", "through"),
    [
        ("", "example.org", True),
        ("*", "example.org", False),
        ("example.org", "api.example.org", False),
        (".example.org", "api.example.org", False),
        ("example.org", "badexample.org", True),
        ("example.org:8080", "example.org", False),
        ("example.org:81", "example.org", True),
        ("10.0.0.0/8", "10.1.2.3", False),
        ("10.0.0.0/8, fd00::/8", "[fd00::1]", False),
        ("10.0.0.0/8", "11.1.2.3", True),
        ("nonsense/8", "11.1.2.3", True),
    ],
)
def test_hosts_that_are_exempt_from_the_proxy(monkeypatch, exempt, host, through):
    monkeypatch.setenv("https_proxy", "proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", exempt)
    assert proxy_of("https", host, 8080) == ("http://proxy.example:3128" if through else None)
    assert proxy_of("http", host, 8080) is None
