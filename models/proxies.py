"""The proxy that a request goes through, by the environment.

The conventions: ``http_proxy``, ``https_proxy``, ``all_proxy`` and ``no_proxy``, in either case; hosts in ``no_proxy``
may be CIDR blocks; a loopback address never goes through a proxy.
"""

import ipaddress
import urllib.request
from contextlib import suppress


class UnsupportedProxy(Exception):
    """One phrase that names the variable and the kind of its proxy."""


def proxy_of(scheme: str, host: str, port: int | None = None) -> str | None:
    """The proxy for a host by the environment; None: it is connected to directly.

    Raises:
      UnsupportedProxy: it is of a kind that is not supported.
    """
    if _is_loopback(host) or _is_exempt(host, port):
        return None
    proxies = urllib.request.getproxies()
    name = next((name for name in (scheme, "all") if proxies.get(name)), None)
    if name is None:
        return None
    proxy = proxies[name] if "://" in proxies[name] else f"http://{proxies[name]}"
    kind = proxy.partition("://")[0].lower()
    if kind not in ("http", "https"):
        raise UnsupportedProxy(
            f"{name}_proxy is a {kind} proxy, which is not supported; set an http:// proxy, or no_proxy"
        )
    return proxy


def _is_loopback(host: str) -> bool:
    if host.rstrip(".").lower() == "localhost" or host.rstrip(".").lower().endswith(".localhost"):
        return True
    address = _ip(host)
    mapped = getattr(address, "ipv4_mapped", None) or address
    return mapped is not None and (mapped.is_loopback or mapped.is_unspecified)


def _is_exempt(host: str, port: int | None) -> bool:
    """Whether ``no_proxy`` has the host: by name, domain, ``*``, ``host:port``, address or CIDR block."""
    if urllib.request.proxy_bypass(host if port is None else f"{host}:{port}") or urllib.request.proxy_bypass(host):
        return True
    address = _ip(host)
    for one in urllib.request.getproxies().get("no", "").split(",") if address else ():
        with suppress(ValueError):
            if address in ipaddress.ip_network(one.strip().strip("[]"), strict=False):
                return True
    return False


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None
