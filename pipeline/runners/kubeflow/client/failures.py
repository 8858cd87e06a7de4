"""What went wrong between us and the server, in one sentence each."""

import json
from typing import Any

import kfp_server_api
import urllib3.exceptions as http

CREDENTIALS = "SIAMESE_KFP_TOKEN, KF_PIPELINES_SA_TOKEN_PATH (a file) or SIAMESE_KFP_COOKIES"


class Refused(Exception):
    """Something that the user can mend; the message is the sentence that they read."""


class Failed(Exception):
    """Something that the user cannot mend from here; the message is the sentence that they read."""


def told(error: BaseException, address: str) -> tuple[str, bool]:
    """(the sentence, whether it is the user's to mend)."""
    server = address or "the server"
    if isinstance(error, (Refused, Failed)):
        return str(error), isinstance(error, Refused)
    if isinstance(error, kfp_server_api.ApiException):
        return _answered(error, server)
    if isinstance(error, http.HTTPError):
        return _unanswered(error, server)
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}", True
    return f"{server}: {type(error).__name__}: {_line(str(error))}", False


def passing(error: BaseException) -> bool:
    """Whether the same call may go through a little later."""
    if isinstance(error, kfp_server_api.ApiException):
        return error.status == 429 or error.status >= 500
    return isinstance(error, http.HTTPError) and not isinstance(error, http.LocationValueError)


def _answered(error: Any, server: str) -> tuple[str, bool]:
    said = message(error)
    match error.status:
        case 401:
            return f"{server}: not logged in (401): set {CREDENTIALS}{_because(said)}", True
        case 403:
            return f"{server}: not allowed (403){_because(said)}", True
        case 404:
            return f"{server}: not found (404){_because(said)}", True
        case 409:
            return f"{server}: it exists already (409){_because(said)}", True
        case 400:
            return f"{server}: refused (400){_because(said)}", True
    return f"{server}: the server failed ({error.status}){_because(said)}", False


def message(error: Any) -> str:
    """What the server says in its answer, which is JSON in one of two forms, or text."""
    try:
        body = json.loads(error.body)
        said = body.get("message") or body.get("error_message") or body.get("error") or ""
    except (TypeError, ValueError, AttributeError):
        said = error.body or error.reason or ""
    return _line(said if isinstance(said, str) else json.dumps(said))


def _unanswered(error: BaseException, server: str) -> tuple[str, bool]:
    cause = getattr(error, "reason", None)
    while isinstance(cause, http.HTTPError) and isinstance(getattr(cause, "reason", None), BaseException):
        error, cause = cause, getattr(cause, "reason", None)
    cause = cause if isinstance(cause, BaseException) else error
    inner = cause.args[-1] if cause.args and isinstance(cause.args[-1], BaseException) else cause
    text = _line(str(inner))
    if isinstance(cause, http.NameResolutionError):
        return f"{server}: there is no host of that name", True
    if isinstance(cause, http.NewConnectionError):
        why = "refused" if "refused" in text else text.rpartition(": ")[2]
        return f"{server}: no connection ({why}); is the address right, does the port-forward run?", True
    if isinstance(cause, http.ConnectTimeoutError):
        return f"{server}: no connection; is the address right?", True
    if isinstance(cause, http.ProxyError):
        return f"{server}: the proxy did not connect: {text}", True
    if isinstance(cause, http.SSLError) or "SSL" in text or "certificate" in text.lower():
        return f"{server}: no TLS connection: {text}; kubeflow.connection.ca_file names a certificate to trust", True
    if isinstance(cause, http.LocationValueError):
        return f"{server}: is no address such as http://localhost:8080", True
    if isinstance(cause, http.ReadTimeoutError):
        return f"{server}: no answer in time (kubeflow.connection.timeout)", False
    return f"{server}: the connection broke off: {text}", False


def _because(said: str) -> str:
    return f": {said}" if said else ""


def _line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 500 else line[:500] + " ..."
