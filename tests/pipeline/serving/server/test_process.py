"""The command as its user runs it."""

import base64
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import httpx
import pytest

from components.serving_folder.storage import link_or_copy
from models.checksums import MODEL_FILE, write_checksums
from models.errors import UserError
from pipeline.serving.client import compare_at
from pipeline.serving.server.process import bind


@pytest.fixture
def started():
    """``siamese`` with arguments, and the address of its one line."""
    processes = []

    def made(*arguments):
        command = [sys.executable, "-W", "ignore", "-m", "pipeline", *map(str, arguments), "--port", "0"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        processes.append(process)
        line = process.stdout.readline()
        return process, line, re.search(r"http://[\d.:]+", line)[0] if line else process.stderr.read()

    yield made
    for process in processes:
        process.kill()
        process.communicate()


@pytest.mark.e2e
def test_one_line_when_ready_requests_finished_at_the_end(started, exported, images, tmp_path):
    link_or_copy(exported.path, tmp_path / "5")
    process, line, url = started("serve", "--model", tmp_path, "--name", "mine", "--label", "old=5")
    assert line == f"serving mine version 5 at {url}\n"
    assert "tensorflow" not in url
    for path in (tmp_path / "a.png", tmp_path / "b.png"):
        path.write_bytes(images[0])
    compared = compare_at(f"{url}/v1/models/mine/labels/old", tmp_path / "a.png", tmp_path / "b.png")
    assert compared.same
    assert compared.threshold == pytest.approx(0.4)
    body = json.dumps(
        {"signature_name": "embed", "instances": [{"b64": base64.b64encode(images[0]).decode()}]}
    ).encode()
    answers = []

    def slowly():
        def chunks():
            yield body[:20]
            time.sleep(1)
            yield body[20:]

        answers.append(httpx.post(f"{url}/v1/models/mine:predict", content=chunks(), timeout=30).status_code)

    thread = threading.Thread(target=slowly)
    thread.start()
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    thread.join()
    assert process.wait(30) == 0
    assert answers == [200]
    out, err = process.communicate()
    assert (out, err) == ("", "")


def refused(*arguments):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "pipeline", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"error: [^\n]+\n", done.stderr), done.stderr
    return done.stderr


def test_a_port_in_use_is_reported_at_once(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert "[serve-port-unavailable]" in refused("serve", "--model", tmp_path, "--port", port)


@pytest.mark.parametrize("host", ["a..b", "a" * 300, "256.1.1.1", "no such host", "a\nb"])
def test_a_host_that_is_none(host):
    with pytest.raises(UserError, match=r"^--host \S[^\n]* --port 0: ") as error:
        bind(host, 0)
    assert error.value.code == "serve-port-unavailable"


def test_a_name_that_does_not_fit_in_a_path(tmp_path):
    assert "--name a/b: " in refused("serve", "--model", tmp_path, "--name", "a/b")


def test_no_model(tmp_path):
    assert "[model-not-found]" in refused("serve", "--model", tmp_path / "none")
    assert "[model-not-found]" in refused("serve", "--model", tmp_path, "--port", 0)
    (tmp_path / "3").mkdir()
    (tmp_path / "3" / "saved_model.pb").write_bytes(b"")
    assert f"{tmp_path}/3: " in refused("serve", "--model", tmp_path, "--port", 0)


@pytest.mark.parametrize(
    ("name", "pushed"),
    [
        ("saved_model.pb", False),
        ("variables/variables.index", False),
        ("assets.extra/checksums.json", False),
        ("saved_model.pb", True),
        ("assets.extra/checksums.json", True),
    ],
)
def test_a_damaged_model_is_named_by_its_file(exported, tmp_path, name, pushed):
    model = tmp_path / "1"
    shutil.copytree(exported.path, model)
    write_checksums(model, model / MODEL_FILE)
    content = bytearray((model / name).read_bytes())
    content[len(content) // 2] ^= 1
    (model / name).write_bytes(content)
    said = refused("serve", "--model", tmp_path if pushed else model, "--port", 0)
    assert said.endswith("[model-damaged]\n")
    assert name in said


def test_the_transformer_starts_without_tensorflow(started):
    process, line, url = started("transform", "--predictor", "127.0.0.1:9", "--host", "127.0.0.1")
    assert line == f"transforming at {url} for http://127.0.0.1:9\n"
    assert httpx.get(f"{url}/healthz").is_success
    maps = open(f"/proc/{process.pid}/maps").read()  # noqa: SIM115, PTH123
    assert "tensorflow" not in maps
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0


class TestCompareAt:
    @pytest.fixture
    def files(self, images, tmp_path):
        for name, data in zip("ab", images[:2], strict=True):
            (tmp_path / name).write_bytes(data)
        return tmp_path / "a", tmp_path / "b"

    def test_nobody_there(self, files):
        with pytest.raises(UserError, match=r"--model http://127.0.0.1:9: .*[Cc]onnection refused"):
            compare_at("http://127.0.0.1:9", *files)

    @pytest.mark.parametrize("url", ["http://", "http://x/y", "http://x/v1/models", "http://x/v1/models/a:predict"])
    def test_no_address(self, files, url):
        with pytest.raises(UserError, match="must be http://host:port"):
            compare_at(url, *files)

    def test_another_name(self, server, files):
        with pytest.raises(UserError, match=r"404: Servable not found .*; there is siamese$"):
            compare_at(f"{server.url}/v1/models/other", *files)

    def test_an_unreadable_image(self, server, files, tmp_path):
        with pytest.raises(UserError, match="No such file"):
            compare_at(server.url, files[0], tmp_path / "none")

    def test_something_else_that_answers(self, files):
        import http.server

        class Other(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"hello")

            def log_message(self, *_):
                pass

        other = http.server.HTTPServer(("127.0.0.1", 0), Other)
        threading.Thread(target=other.serve_forever, daemon=True).start()
        with pytest.raises(UserError, match="not that of a model of this pipeline"):
            compare_at(f"http://127.0.0.1:{other.server_port}", *files)
        other.shutdown()
        other.server_close()
