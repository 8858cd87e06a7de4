"""What a user reads when the object store is not as the run needs it: one line, exit code 2, within a bounded time."""

import os
import re
import time

import fsspec.config
import pytest
from PIL import Image
from s3fs import S3FileSystem
from seaweedfs.store import IMPATIENT, NO_BUCKET

pytestmark = pytest.mark.s3

NO_KEYS = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}
NOBODY = "http://127.0.0.1:9"  # the port of `discard`, on which nothing listens
FAULTS = {
    "wrong secret": ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "data-unreadable", "model-no-credentials"),
    "unknown key": ({"AWS_ACCESS_KEY_ID": "nobody"}, "data-unreadable", "model-no-credentials"),
    "no keys": (NO_KEYS, "data-unreadable", "model-no-credentials"),
    "no store": ({"AWS_ENDPOINT_URL": NOBODY}, "data-unreachable", "model-unreachable"),
    "no bucket": ({}, "data-folder-missing", "model-unreachable"),
    "another's bucket": ({}, "data-unreadable", "model-not-writable"),
    "no answer": ({}, "data-unreachable", "model-unreachable"),
}


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    for identity in "abc":
        (folder / identity).mkdir(parents=True)
        for number in range(3):
            Image.new("L", (8, 8), 20 * number).save(folder / identity / f"{number}.png")
    return folder


@pytest.fixture(params=FAULTS)
def fault(request, seaweedfs, s3, monkeypatch, tmp_path):
    """(name, address of a folder in the store, error code of data there, of a serving folder)."""
    S3FileSystem().pipe_file(f"{s3}/photos/a/1.png", b"x")
    variables, *codes = FAULTS[request.param]
    for name, value in variables.items():
        monkeypatch.delenv(name) if value is None else monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setitem(fsspec.config.conf, "s3", IMPATIENT)
    S3FileSystem.clear_instance_cache()
    address = {"no bucket": f"s3://{NO_BUCKET}/x", "another's bucket": "s3://others/x"}.get(request.param, s3)
    if request.param == "no answer":
        with seaweedfs.frozen():
            yield request.param, address, *codes
    else:
        yield request.param, address, *codes


def one_line(name: str, code: int, err: str, error_code: str, address: str, seconds: float) -> None:
    print(err)
    lines = [line for line in re.sub(r"\x1b\[[0-9;]*m", "", err).splitlines() if line.strip()]
    text = " ".join(lines)
    assert code == 2, text
    assert "Traceback" not in text
    assert text.startswith("error: "), text
    assert f"[{error_code}]" in text, text
    assert address in text.replace(" ", "")
    if name in ("no store", "no answer"):
        assert os.environ["AWS_ENDPOINT_URL"] in text.replace(" ", "")
    assert len(text) < 500
    assert seconds < 60


def test_data(fault, command_line, tmp_path):
    name, address, error_code, _ = fault
    begun = time.monotonic()
    code, _, err = command_line("run", "--data", f"{address}/photos", "--output", tmp_path / "out")
    one_line(name, code, err, error_code, address, time.monotonic() - begun)
    assert not (tmp_path / "out" / "runs").exists()


@pytest.mark.parametrize("fault", ["wrong secret", "no store"], indirect=True)
@pytest.mark.parametrize("beside", ["photos.zip", "list.csv", "day-{SPAN}"])
def test_other_data(fault, command_line, tmp_path, beside):
    name, address, error_code, _ = fault
    code, _, err = command_line("run", "--data", f"{address}/{beside}", "--output", tmp_path / "out")
    one_line(name, code, err, error_code, address, 0)


def test_serving_folder(fault, command_line, photos, tmp_path):
    name, address, _, error_code = fault
    serving = f"push.serving_dir={address}/serving"
    begun = time.monotonic()
    code, _, err = command_line("run", "--data", photos, "--output", tmp_path / "out", "--set", serving)
    one_line(name, code, err, error_code, address, time.monotonic() - begun)
    assert not (tmp_path / "out" / "runs").exists()


@pytest.mark.parametrize("command", ["rollback", "compare"])
def test_other_commands(fault, command_line, photos, command):
    name, address, _, error_code = fault
    arguments = ["--serving-dir"] if command == "rollback" else [*(photos / "a").glob("[01].png"), "--model"]
    begun = time.monotonic()
    code, _, err = command_line(command, *arguments, f"{address}/serving")
    one_line(name, code, err, error_code, address, time.monotonic() - begun)
