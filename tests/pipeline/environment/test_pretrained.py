"""Weights are fetched and tried before a run begins, and what is wrong with them is one line."""

import http.server
import re
import sys
import threading

import keras
import pytest
from PIL import Image

from components.run_outcome.summary import RunSummary
from models.network.encoders.backbone import application
from models.settings import EncoderSettings, ImageSettings
from pipeline.cli import main
from pipeline.environment.pretrained import check_weights
from pipeline.runners.local import run as run_module

IMAGE = ImageSettings(height=32, width=32, channels=1)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "small.weights.h5"
    application("MobileNetV3Small", IMAGE).save_weights(path)
    return path


@pytest.fixture
def siamese_run(monkeypatch, capfd, tmp_path):
    """Exit code, standard output, standard error and the runs that began, of a run with these weights."""
    (tmp_path / "data" / "someone").mkdir(parents=True)
    Image.new("L", (32, 32), 100).save(tmp_path / "data" / "someone" / "1.png")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    began = []

    def execute(config, output, data_root, data_digest, run_id, console):
        began.append(run_id)
        return RunSummary(run_id=run_id, status="refused", exit_code=3, seed=config.seed, config_digest="d")

    monkeypatch.setattr(run_module, "_execute", execute)

    def called(weights):
        chosen = f"encoder={{name: backbone, backbone: MobileNetV3Small, weights: '{weights}'}}"
        arguments = ["run", "--data", tmp_path / "data", "--output", tmp_path / "out", "--set", chosen]
        monkeypatch.setattr(sys, "argv", ["siamese", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main.main()
        capture = capfd.readouterr()
        return ended.value.code, capture.out, capture.err, began

    return called


@pytest.fixture
def refused(siamese_run):
    """The one line that weights which will not do are; no run has begun."""

    def called(weights) -> str:
        code, out, err, began = siamese_run(weights)
        assert (code, out, began) == (2, "", [])
        assert re.fullmatch(r"error: [^\n]+\n", err), err
        return err.removeprefix("error: ").rstrip("\n")

    return called


@pytest.fixture
def server(file):
    """The address of ``file``'s folder, and the paths that were asked for."""
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *given):
            super().__init__(*given, directory=str(file.parent))

        def do_GET(self):
            asked.append(self.path)
            super().do_GET()

        def log_message(self, *_):
            """Nothing: standard error is what is tested."""

    served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{served.server_port}", asked
    served.shutdown()
    served.server_close()


def test_a_file_that_is_missing(refused, tmp_path):
    line = refused(tmp_path / "none.h5")
    assert line.startswith(f"encoder.weights: {tmp_path}/none.h5: no such file; give one of keras.applications.Mobile")


def test_imagenets_without_a_network(refused, monkeypatch):
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # where nothing answers
    line = refused("imagenet")
    assert line.startswith("encoder.weights: imagenet: cannot be loaded as weights of MobileNetV3Small: URL fetch fail")
    assert "set a file of keras.applications.MobileNetV3Small(include_top=False), or none" in line


def test_a_url_where_there_is_nothing(refused, server):
    line = refused(f"{server[0]}/missing.weights.h5")
    assert re.search(r"missing\.weights\.h5: cannot be loaded as weights of MobileNetV3Small: .*404", line)


def test_a_file_of_another_network(refused, tmp_path):
    other = tmp_path / "other.weights.h5"
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save_weights(other)
    assert refused(other).startswith(f"encoder.weights: {other}: cannot be loaded as weights of MobileNetV3Small: ")


def test_what_fits_is_fetched_once_without_a_word_of_it_and_the_run_begins(siamese_run, server, file, capfd):
    url = f"{server[0]}/{file.name}"
    code, out, err, began = siamese_run(url)
    assert (code, len(began), err) == (3, 1, "")
    assert "Downloading" not in out
    check_weights(EncoderSettings(name="backbone", weights=url), IMAGE)
    assert server[1] == [f"/{file.name}"]
    assert capfd.readouterr() == ("", "")


def test_without_weights_nothing_is_loaded(monkeypatch):
    monkeypatch.setattr("subprocess.run", lambda *given, **named: pytest.fail("a process was started"))
    check_weights(EncoderSettings(), IMAGE)
    check_weights(EncoderSettings(name="backbone"), IMAGE)
