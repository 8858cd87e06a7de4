"""Whether a server that an option of Beam names answers, within seconds: Beam itself waits a minute, in silence."""

import json
import socket
from contextlib import suppress

from models.addresses import is_address
from models.errors import UserError

PATIENCE = 4.0  # seconds for an answer
_AT_ONCE = 0.5  # seconds in which most servers answer


def is_local(address: str) -> bool:
    """Whether an address, with or without a scheme, is of whichever machine looks it up."""
    host = _host_and_port(address)[0]
    return host in ("localhost", "::1") or host.startswith("127.")


def check_grpc(option: str, address: str, what: str, hint: str = "") -> None:
    """Checks that a gRPC server answers at ``host:port``.

    Args:
      option: that names the address, such as ``--job_endpoint``.
      address: its value.
      what: the server, for the message.
      hint: the end of the message.

    Raises:
      UserError: none does.
    """
    import grpc  # a run in this process needs it later, if at all

    if address.startswith(("http://", "https://")):
        raise _no_answer(option, address, what, f"must be HOST:PORT, without a scheme{hint}")
    with grpc.insecure_channel(address) as channel:
        ready, why = grpc.channel_ready_future(channel), None
        for seconds in (_AT_ONCE, PATIENCE):  # gRPC tries again and again, and does not say why
            with suppress(grpc.FutureTimeoutError):
                ready.result(timeout=seconds)
                return
            if why := _connection_fault(address):
                break
        ready.cancel()
        raise _no_answer(option, address, what, (why or "what answers does not speak gRPC") + hint)


def check_connection(option: str, address: str, what: str) -> None:
    """Checks that a TCP connection can be made to an address, with or without a scheme.

    Raises:
      UserError: none can.
    """
    if why := _connection_fault(address):
        raise _no_answer(option, address, what, why)


def flink_version(option: str, master: str) -> str:
    """The version of the Flink whose REST server is ``host:port`` or ``http(s)://host:port``.

    Raises:
      UserError: no Flink answers there.
    """
    from models.http_client import RequestFailed, request  # httpx

    what = "REST server of Flink"
    url = (master if is_address(master) else f"http://{master}").rstrip("/")
    try:
        answer = request("GET", f"{url}/v1/overview", seconds=PATIENCE, most_bytes=1 << 16)
    except RequestFailed as error:
        raise _no_answer(option, master, what, str(error)) from None
    try:
        return str(json.loads(answer.content)["flink-version"])
    except (ValueError, KeyError, TypeError):
        raise _no_answer(option, master, what, f"HTTP {answer.status}, without Flink's overview") from None


def http_fault(url: str) -> str | None:
    """Why there is nothing at an address of HTTP; None if there is."""
    from models.http_client import RequestFailed, request  # httpx

    try:
        answer = request("GET", url, seconds=PATIENCE, most_bytes=0)
    except RequestFailed as error:
        return str(error)
    return f"HTTP {answer.status}" if answer.status >= 400 else None


def _connection_fault(address: str) -> str | None:
    host, port = _host_and_port(address)
    if port is None:
        return "must be HOST:PORT"
    try:
        with socket.create_connection((host, port), timeout=PATIENCE):
            return None
    except TimeoutError:
        return f"no connection within {PATIENCE:g} s"
    except (OSError, UnicodeError) as error:
        return getattr(error, "strerror", None) or str(error)


def _host_and_port(address: str) -> tuple[str, int | None]:
    place = address.rpartition("://")[2].partition("/")[0]
    host, _, port = place.rpartition(":")
    if port.isdecimal() and int(port) < 1 << 16:
        return host.strip("[]"), int(port)
    return place, None


def _no_answer(option: str, address: str, what: str, why: str) -> UserError:
    return UserError(f"{option}={address}: no {what} answers: {why}", code="beam-no-answer")
