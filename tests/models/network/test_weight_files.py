"""The content of weights decides: what changed behind the same URL or path is not taken from a cache."""

import hashlib
import http.server
import threading

import pytest

from models.errors import UserError
from models.network.weight_files import check_unchanged, digest, fetch, forget_if_changed
from models.settings import EncoderSettings
from pipeline.environment.pretrained import weights_digest


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def settings(weights: str) -> EncoderSettings:
    return EncoderSettings(name="backbone", backbone="MobileNetV3Small", weights=weights)


class Server(http.server.BaseHTTPRequestHandler):
    content, headers_sent, head_status, asked = b"one", {"ETag": '"1"'}, 200, []

    def do_GET(self):
        Server.asked.append(self.command)
        self.send_response(Server.head_status if self.command == "HEAD" else 200)
        for name, value in {**Server.headers_sent, "Content-Length": str(len(Server.content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(Server.content)

    do_HEAD = do_GET  # noqa: N815 - the name that http.server looks for

    def log_message(self, *_):
        """Nothing."""


@pytest.fixture
def url(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    for name, value in {"content": b"one", "headers_sent": {"ETag": '"1"'}, "head_status": 200, "asked": []}.items():
        monkeypatch.setattr(Server, name, value)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/w.h5"
    server.shutdown()
    server.server_close()


def refreshed(url):
    forget_if_changed(url)
    return fetch(url).read_bytes()


def test_unchanged_weights_are_downloaded_once(url):
    assert [refreshed(url), refreshed(url), refreshed(url)] == [b"one"] * 3
    assert Server.asked.count("GET") == 1


@pytest.mark.parametrize("header", ["ETag", "Last-Modified"])
def test_weights_that_changed_behind_a_url_are_downloaded_again(url, header, monkeypatch):
    monkeypatch.setattr(Server, "headers_sent", {header: '"1"'})
    assert refreshed(url) == b"one"
    assert weights_digest(settings(url), kept=True) == sha(b"one")
    monkeypatch.setattr(Server, "content", b"two")  # of the same size, as weights of one network are
    monkeypatch.setattr(Server, "headers_sent", {header: '"2"'})
    assert fetch(url).read_bytes() == b"one"  # within a run
    assert refreshed(url) == b"two"
    assert weights_digest(settings(url), kept=True) == sha(b"two")


@pytest.mark.parametrize(("headers", "status"), [({}, 200), ({"ETag": '"1"'}, 405)])
def test_where_the_server_does_not_say_they_are_downloaded_again(url, headers, status, monkeypatch):
    monkeypatch.setattr(Server, "headers_sent", headers)
    assert refreshed(url) == b"one"
    monkeypatch.setattr(Server, "content", b"two")
    if status != 200:
        monkeypatch.setattr(Server, "head_status", status)
        monkeypatch.setattr(Server, "headers_sent", {})
    assert refreshed(url) == b"two"


def test_without_a_server_what_is_kept_is_used(url, monkeypatch):
    assert refreshed(url) == b"one"
    monkeypatch.setattr(Server, "head_status", 503)
    assert refreshed(url) == b"one"
    gone = "http://127.0.0.1:9/w.h5"
    from models.network.weight_files import kept_file

    kept_file(gone).write_bytes(b"kept")
    assert refreshed(gone) == b"kept"


def test_on_a_cluster_the_digest_is_the_url(url):
    assert weights_digest(settings(url), kept=False) == url
    assert digest(url) is None


def test_weights_that_cannot_be_downloaded_are_one_error(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(UserError, match=r"^encoder.weights: http://127.0.0.1:9/w.h5: cannot be read: no server"):
        weights_digest(settings("http://127.0.0.1:9/w.h5"), kept=True)


def test_weights_that_change_during_a_run_end_it(tmp_path, url):
    file = tmp_path / "w.h5"
    file.write_bytes(b"one")
    for source in (str(file), url):
        check_unchanged(source, sha(b"one"))
        with pytest.raises(UserError, match="its content has changed since the run began"):
            check_unchanged(source, sha(b"two"))
        check_unchanged(source, source)
        check_unchanged(source, None)
    check_unchanged("imagenet", "imagenet")
    check_unchanged(None, None)
