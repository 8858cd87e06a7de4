"""A server that speaks the Kubeflow Pipelines API v2beta1 on this machine. Runs in ``.venv-kubeflow``.

It prints its port. ``/control`` sets its behaviour and returns the calls it received: see ``kfp_api.Server``.
"""

import json
import re
import sys
import threading
import time
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import ui
from bodies import Bad
from store import Store

V2 = "/apis/v2beta1"


class State:
    """The state that tests set and read."""

    def __init__(self) -> None:
        self.store = Store()
        self.calls: list[dict[str, Any]] = []
        self.rules: list[dict[str, Any]] = []  # {"call": pattern, "do": ..., "after": calls let through}
        self.header: tuple[str, str] | None = None  # that every request must have
        self.held, self.release = threading.Event(), threading.Event()
        self.lock = threading.RLock()


STATE = State()


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer in one packet: in two, each costs the wait for an acknowledgement

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def _serve(self) -> None:
        url = urlsplit(self.path)
        path, query = unquote(url.path), dict(parse_qsl(url.query))
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if path == "/control":
            return self._answer(200, _control(json.loads(raw or "{}")))
        call = f"{self.command} {path}"
        with STATE.lock:
            STATE.calls.append({"call": call, "query": query, "body": _json(raw), "headers": dict(self.headers)})
            rule = _rule(call)
        do = rule["do"] if rule else None
        if do == "hang":
            time.sleep(rule.get("seconds", 120))
        if do == "drop":
            return self._drop()
        if do == "page":
            return self._answer(200, "<html>Log in</html>", "text/html; charset=utf-8")
        if isinstance(do, int):
            return self._answer(do, {"error": f"rule {do}", "code": 13, "message": f"rule {do}"})
        try:
            if STATE.header and self.headers.get(STATE.header[0]) != STATE.header[1]:
                raise Bad(401, "Request header error: there is no user identity header.")
            with STATE.lock:
                answer = _route(self.command, path, query, raw, self.headers)
        except Bad as error:
            return self._answer(error.status, {"error": str(error), "code": 3, "message": str(error), "details": []})
        if do == "lose":  # done, without an answer
            return self._drop()
        if do == "hold":  # done, and answered when the test releases it
            STATE.held.set()
            STATE.release.wait(60)
        if do == "twin":  # done, and another client has enabled one of the same name
            with STATE.lock:
                store = STATE.store
                own = store.recurring[path.rpartition("/")[2].partition(":")[0]]
                store.add_recurring({**own, "mode": "ENABLE"})
        if isinstance(answer, ui.Answer):
            return self._answer(answer.status, answer.body, answer.kind)
        if isinstance(answer, str):
            return self._answer(200, answer, "text/plain")
        return self._answer(200, answer)

    def _drop(self) -> None:
        self.close_connection = True
        self.connection.close()

    def _answer(self, status: int, body: Any, kind: str | None = "application/json") -> None:
        data = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
        try:
            self.send_response(status)
            if kind:
                self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
            self.wfile.flush()
        except OSError:
            self.close_connection = True  # the other side is gone


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return None


def _rule(call: str) -> dict[str, Any] | None:
    for rule in STATE.rules:
        if re.fullmatch(rule["call"], call):
            if rule.get("after", 0) > 0:
                rule["after"] -= 1
                return None
            rule["times"] = rule.get("times", 10**6) - 1
            if rule["times"] >= 0:
                return rule
    return None


def _control(order: dict[str, Any]) -> dict[str, Any]:
    store = STATE.store
    if order.get("reset"):
        STATE.__init__()
        store = STATE.store
    STATE.rules = order.get("rules", STATE.rules)
    STATE.header = order.get("header", STATE.header)
    for key in ("multi_user", "frames", "logs", "standalone", "ui", "objects", "kubernetes", "nested", "workflows"):
        setattr(store, key, order.get(key, getattr(store, key)))
    if order.get("wait_held"):
        STATE.held.wait(30)
    if order.get("release"):
        STATE.release.set()
    kinds = ("experiments", "pipelines", "versions", "runs", "recurring")
    return {"calls": STATE.calls, **{kind: list(getattr(store, kind).values()) for kind in kinds}}


def _route(method: str, path: str, query: dict[str, str], raw: bytes, headers: Any) -> Any:
    store, body = STATE.store, _json(raw)
    call = f"{method} {path.removeprefix(V2)}"
    if call == "GET /healthz":
        return {"commit_sha": "unknown", "tag_name": "2.17.0", "multi_user": store.multi_user}
    for kind, things, make, key in (
        ("experiments", store.experiments, store.add_experiment, "experiments"),
        ("pipelines", store.pipelines, store.add_pipeline, "pipelines"),
        ("runs", store.runs, store.add_run, "runs"),
        ("recurringruns", store.recurring, store.add_recurring, "recurringRuns"),
    ):
        if call == f"POST /{kind}":
            return make(body)
        if call == f"GET /{kind}":
            found, token = store.listed(things, query)
            return {key: found, "next_page_token": token, "total_size": len(things)}
    if call == "POST /pipelines/upload_version":
        return store.add_version(query["pipelineid"], query["name"], _uploaded(raw, headers))
    if match := re.fullmatch(r"GET /pipelines/([^/]+)/versions", call):
        own = {key: one for key, one in store.versions.items() if one["pipeline_id"] == match[1]}
        found, token = store.listed(own, {**query, "namespace": "any"})
        return {"pipeline_versions": found, "next_page_token": token}
    if match := re.fullmatch(r"GET /pipelines/[^/]+/versions/([^/]+)", call):
        return store.one(store.versions, match[1])
    if match := re.fullmatch(r"GET /runs/([^/:]+)", call):
        return store.look(match[1])
    if match := re.fullmatch(r"POST /runs/([^/:]+):terminate", call):
        store.one(store.runs, match[1])["state"] = "CANCELING"
        return {}
    if match := re.fullmatch(r"POST /recurringruns/([^/:]+):(enable|disable)", call):
        return store.switch(match[1], match[2] == "enable")
    if match := re.fullmatch(r"DELETE /recurringruns/([^/:]+)", call):
        store.one(store.recurring, match[1])
        del store.recurring[match[1]]
        return {}
    if match := re.fullmatch(r"GET /apis/v1alpha1/runs/([^/]+)/nodes/([^/]+)/log", call):
        if store.standalone:
            raise Bad(400, f"Failed to read logs for run {match[1]}: Failed to read logs from archive {match[2]}")
        if match[2] not in store.logs:
            raise Bad(500, f"Failed to read logs from pod {match[2]}")
        return store.logs[match[2]]
    if match := re.fullmatch(r"GET /apis/v1beta1/runs/([^/]+)", call):
        return store.look_at_workflow(match[1])
    if store.ui and call == "GET /k8s/pod/logs":
        return ui.pod_log(query, store.logs)
    if store.ui and call == "GET /artifacts/get":
        objects = {name: content.encode() for name, content in store.objects.items()}
        return ui.artifact(query, objects, folders=store.ui >= "2.17")
    if store.kubernetes and (match := re.fullmatch(r"GET /api/v1/namespaces/kubeflow/pods/([^/]+)/log", call)):
        if match[1] not in store.logs or query.get("container") != "main":
            raise Bad(404, f'pods "{match[1]}" not found')
        return store.logs[match[1]]
    raise Bad(404, f"Not Found: {method} {path}")


def _uploaded(raw: bytes, headers: Any) -> str:
    message = BytesParser().parsebytes(b"Content-Type: " + headers["Content-Type"].encode() + b"\r\n\r\n" + raw)
    parts = message.get_payload()
    if not isinstance(parts, list) or parts[0].get_param("name", header="content-disposition") != "uploadfile":
        raise Bad(400, "Failed to read pipeline from file")
    return parts[0].get_payload(decode=True).decode()


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), server.shutdown()), daemon=True).start()  # with its parent
    server.serve_forever()
