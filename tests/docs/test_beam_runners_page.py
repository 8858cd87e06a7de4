"""The commands in docs/how-to/beam-runners.md parse, and their options of Beam are those of the manifests."""

import re
import shlex
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from models.error_codes import CODES
from pipeline.cli.main import app
from pipeline.config import load_config

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "how-to" / "beam-runners.md").read_text(encoding="utf-8")
BLOCKS = [text.replace("\\\n", " ") for text in re.findall(r"^```bash\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)]
RUNS = re.findall(r"siamese (run .+)$", "\n".join(BLOCKS), re.MULTILINE)


@pytest.mark.parametrize("text", RUNS)
def test_runs_parse_and_so_do_their_options_of_beam(text):
    context = get_command(app).commands["run"].make_context("run", shlex.split(text)[1:])
    beam = load_config(beam=context.params["beam"]).beam
    assert (beam.kind, beam.environment) == ("flink", "EXTERNAL")
    assert beam.options["flink_version"] in str(flink()["spec"]["image"])
    assert beam.worker_pool


def flink():
    return yaml.safe_load((ROOT / "kubeflow" / "beam" / "flink.yaml").read_text(encoding="utf-8"))


def test_the_pool_of_the_manifest_is_the_one_of_the_page():
    assert len(RUNS) == 2
    beam = load_config(beam=shlex.split(RUNS[1])[-3::2]).beam
    (workers,) = (
        one for one in flink()["spec"]["taskManager"]["podTemplate"]["spec"]["containers"] if one["name"] == "workers"
    )
    assert shlex.join(workers["command"]) in PAGE
    assert beam.worker_pool == f"localhost:{workers['readinessProbe']['tcpSocket']['port']}"
    assert beam.options["flink_master"] == f"{flink()['metadata']['name']}-rest:8081"


def test_error_codes_exist():
    named = set(re.findall(r"`(beam-[a-z-]+)`", PAGE))
    assert named
    assert named <= CODES.keys()
    assert {code for code in CODES if code.startswith("beam-")} == named


def test_files_exist():
    for path in re.findall(r"`((?:kubeflow|tests)/[\w./-]+)`", PAGE):
        assert (ROOT / path).exists(), path
