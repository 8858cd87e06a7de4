"""Failures of calls to the server, one line each, with the error code of those that the user can fix."""

import json
from typing import Any

import kfp_server_api
import urllib3.exceptions as http

CREDENTIALS = "SIAMESE_KFP_TOKEN, KF_PIPELINES_SA_TOKEN_PATH (a file) or SIAMESE_KFP_COOKIES"


class Failed(Exception):
    """A failure that the user cannot fix from here; the message is one line."""

    code: str | None = None


class Refused(Failed):
    """An error that the user can fix.

    Args:
      message: one line.
      code: of ``models.error_codes``, which this environment cannot import.
    """

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


def explain(error: BaseException, address: str) -> tuple[str, str | None]:
    """(the message, the error code; None where the user cannot fix it)."""
    server = address or "the server"
    if isinstance(error, Failed):
        return str(error), error.code
    if isinstance(error, kfp_server_api.ApiException):
        return _answered(error, server)
    if isinstance(error, http.HTTPError):
        return _unanswered(error, server)
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}", "kubeflow-file-unreadable"
    return f"{server}: {type(error).__name__}: {_line(str(error))}", None


def is_temporary(error: BaseException) -> bool:
    """Whether the same call may succeed later."""
    if isinstance(error, kfp_server_api.ApiException):
        return error.status == 429 or error.status >= 500
    return isinstance(error, http.HTTPError) and not isinstance(error, http.LocationValueError)


def _answered(error: Any, server: str) -> tuple[str, str | None]:
    said = message(error)
    match error.status:
        case 401:
            return f"{server}: not logged in (401): set {CREDENTIALS}{_because(said)}", "kubeflow-not-logged-in"
        case 403:
            return f"{server}: not allowed (403){_because(said)}", "kubeflow-not-allowed"
        case 404:
            return f"{server}: not found (404){_because(said)}", "kubeflow-not-found"
        case 409:
            return f"{server}: it exists already (409){_because(said)}", "kubeflow-exists"
        case 400:
            return f"{server}: refused (400){_because(said)}", "kubeflow-request-refused"
    return f"{server}: the server failed ({error.status}){_because(said)}", None


def message(error: Any) -> str:
    """The message in the server's answer, which is JSON in one of two forms, or text."""
    try:
        body = json.loads(error.body)
        said = body.get("message") or body.get("error_message") or body.get("error") or ""
    except (TypeError, ValueError, AttributeError):
        said = error.body or error.reason or ""
    return _line(said if isinstance(said, str) else json.dumps(said))


def _unanswered(error: BaseException, server: str) -> tuple[str, str | None]:
    cause = getattr(error, "reason", None)
    while isinstance(cause, http.HTTPError) and isinstance(getattr(cause, "reason", None), BaseException):
        error, cause = cause, getattr(cause, "reason", None)
    cause = cause if isinstance(cause, BaseException) else error
    inner = cause.args[-1] if cause.args and isinstance(cause.args[-1], BaseException) else cause
    text = _line(str(inner))
    if isinstance(cause, http.NameResolutionError):
        return f"{server}: no host has that name", "kubeflow-no-connection"
    if isinstance(cause, http.NewConnectionError):
        why = "refused" if "refused" in text else text.rpartition(": ")[2]
        message = f"{server}: no connection ({why}); check the address, and that the port-forward runs"
        return message, "kubeflow-no-connection"
    if isinstance(cause, http.ConnectTimeoutError):
        return f"{server}: no connection in time; check the address", "kubeflow-no-connection"
    if isinstance(cause, http.ProxyError):
        return f"{server}: the proxy did not connect: {text}", "kubeflow-no-connection"
    if isinstance(cause, http.SSLError) or "SSL" in text or "certificate" in text.lower():
        message = f"{server}: no TLS connection: {text}; kubeflow.connection.ca_file names a certificate to trust"
        return message, "kubeflow-no-tls"
    if isinstance(cause, http.LocationValueError):
        return f"{server}: must be an address such as http://localhost:8080", "kubeflow-no-address"
    if isinstance(cause, http.ReadTimeoutError):
        return f"{server}: no answer in time (kubeflow.connection.timeout)", None
    return f"{server}: the connection broke off: {text}", None


def _because(said: str) -> str:
    return f": {said}" if said else ""


def _line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 500 else line[:500] + " ..."
