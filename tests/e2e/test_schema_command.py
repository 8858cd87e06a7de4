"""``siamese schema`` as its user runs it, and a run that its schema stops."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.e2e

SETTINGS = ("data.split={by: image}", "image={height: 12, width: 12}")


def siamese(*arguments: str) -> subprocess.CompletedProcess[str]:
    sets = [part for setting in SETTINGS for part in ("--set", setting)]
    command = [sys.executable, "-m", "pipeline", *arguments, *sets]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])


def test_a_schema_is_written_and_stops_what_it_was_not_made_of(tmp_path):
    data, schema = tmp_path / "data", tmp_path / "mine.pbtxt"
    for number in range(60):
        pixels = np.random.default_rng(number).integers(100, 200, (20, 20), dtype=np.uint8)
        path = data / f"person {number % 6}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    where = ("--data", str(data), "--output", str(tmp_path / "out"))
    written = siamese("schema", *where, "--file", str(schema))
    assert written.returncode == 0, written.stdout + written.stderr
    assert "Schema of 60 images" in written.stdout
    text = schema.read_text()
    assert "from 60 images of 6" in text
    assert 'value: "PNG"' in text

    again = siamese("schema", *where, "--file", str(schema))
    assert again.returncode == 2
    assert "[config-file-exists]" in again.stderr

    Image.fromarray(np.zeros((20, 20), np.uint8)).save(data / "person 1" / "black.gif")
    stopped = siamese("run", *where, "--set", f"data.schema_file={schema}")
    assert stopped.returncode == 2, stopped.stdout + stopped.stderr
    shown = " ".join(stopped.stdout.split())
    assert "the data does not match the schema" in shown
    assert "format" in shown
    assert "GIF" in shown
