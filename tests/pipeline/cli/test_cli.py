import csv
import fcntl
import json
import pkgutil
import re
import sys
from importlib.metadata import version
from pathlib import Path
from subprocess import run as run_process

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from components.run_outcome.summary import Metric, RunSummary
from components.run_outcome.verdict import GateResult
from models.errors import UserError
from pipeline import cli
from pipeline.cli import main

COMMANDS = sorted(get_command(main.app).commands)
ROOT = Path(cli.__path__[0]).parents[1]
HEAVY = {"tensorflow", "tfx", "keras", "apache_beam", "sklearn", "numpy", "PIL"}


@pytest.fixture
def image(tmp_path):
    from PIL import Image

    path = tmp_path / "a.png"
    Image.new("L", (9, 9), 100).save(path)
    return path


def plain(text: str) -> str:
    return " ".join(re.sub(r"\x1b\[[0-9;]*m|[│╭╮╰╯─]", " ", text).split())


def test_every_module_of_the_folder_is_a_command():
    infrastructure = {"app", "main"}
    modules = {module.name for module in pkgutil.iter_modules(cli.__path__)}
    assert set(COMMANDS) == modules - infrastructure


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS)])
def test_help_lists_commands_and_options(command):
    result = CliRunner().invoke(main.app, [*command, "--help"])
    assert result.exit_code == 0
    shown = plain(result.stdout)
    assert "Usage:" in shown
    wanted = {(): COMMANDS, ("run",): ["--set", "--data", "--config", "--output"]}.get(command, [])
    assert [name for name in wanted if name not in shown] == []


def test_the_exit_codes_are_in_the_help():
    assert "Exit code 0: pushed" in plain(CliRunner().invoke(main.app, ["run", "--help"]).stdout)


def test_the_version_is_the_packages():
    assert CliRunner().invoke(main.app, ["--version"]).stdout.strip() == f"siamese {version('siamese-pipeline')}"


def test_help_imports_no_heavy_library():
    code = (
        "import sys\nsys.argv = ['siamese', 'run', '--help']\nfrom pipeline.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as ended:\n    assert not ended.code\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = run_process([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Usage" in done.stdout
    assert not HEAVY & set(done.stderr.split())


def test_an_unknown_command_or_option_is_exit_code_2(command_line):
    for arguments in (["trian"], ["run", "--epochs", "3"], ["compare"]):
        code, _, err = command_line(*arguments)
        assert code == 2
        assert "Traceback" not in err


def test_a_message_of_several_errors_has_the_code_of_each_once(command_line, tmp_path):
    changes = ("--set", "training.epoch=3", "--set", "image.channels=2")
    status, _, err = command_line("run", *changes, "--output", tmp_path)
    assert status == 2
    assert [line.rpartition(" ")[2] for line in err.splitlines()] == ["[config-invalid-value]", "[config-unknown-key]"]


class TestRun:
    def test_a_missing_folder_of_images(self, refused, tmp_path):
        line, _ = refused("run", "--data", tmp_path / "none", "--output", tmp_path / "out")
        assert line.startswith(f"--data {tmp_path}/none: ")

    def test_a_file_for_a_folder_of_images(self, refused, tmp_path, image):
        assert f"--data {image}: " in refused("run", "--data", image, "--output", tmp_path / "out")[0]

    def test_an_unknown_key(self, refused, tmp_path):
        line, code = refused("run", "--set", "training.epoch=3", "--output", tmp_path / "out")
        assert (code, "training.epoch: " in line) == ("config-unknown-key", True)
        assert not (tmp_path / "out").exists()

    def test_a_missing_configuration(self, refused, tmp_path):
        line, code = refused("run", "--config", tmp_path / "none.yaml")
        assert (code, "none.yaml: " in line) == ("config-unreadable", True)

    def test_another_run_in_progress(self, refused, tmp_path, image):
        with (tmp_path / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            line, code = refused("run", "--data", tmp_path, "--output", tmp_path)
        assert code == "config-output-locked"
        assert line.startswith(f"--output {tmp_path}: ")

    def test_brackets_in_the_name_of_a_folder_are_printed(self, refused, tmp_path):
        line, _ = refused("run", "--data", tmp_path / "[bold]", "--output", tmp_path / "out")
        assert f"--data {tmp_path}/[bold]: " in line

    def test_arguments_reach_the_run_and_its_code_is_the_commands(self, command_line, monkeypatch, tmp_path):
        asked = []
        monkeypatch.setattr(
            "pipeline.runners.local.run.run", lambda config, output: asked.append((config, output)) or 3
        )
        code, _, _ = command_line(
            *("run", "--set", "seed=9", "--set", "data.source=x", "--data", "a: b #c", "--output", tmp_path)
        )
        ((config, output),) = asked
        assert (code, config.seed, config.data.source, output) == (3, 9, "a: b #c", tmp_path)


class TestModels:
    def test_a_missing_image(self, refused, tmp_path, image):
        line, _ = refused("compare", "--model", tmp_path, image, tmp_path / "none.png")
        assert line.startswith(f"{tmp_path}/none.png: ")

    def test_a_truncated_image(self, refused, tmp_path, image):
        (tmp_path / "cut.png").write_bytes(image.read_bytes()[:-20])
        assert "cut.png: " in refused("compare", "--model", tmp_path, image, tmp_path / "cut.png")[0]

    @pytest.mark.parametrize("command", ["compare", "evaluate", "embed"])
    def test_no_model(self, refused, tmp_path, image, command):
        (tmp_path / "p.csv").write_text("image_a,image_b,same\na.png,a.png,1\n")
        arguments = {
            "compare": [image, image],
            "evaluate": ["--pairs", tmp_path / "p.csv"],
            "embed": ["--images", tmp_path, "--output", tmp_path / "e.npz"],
        }
        for model in (tmp_path, tmp_path / "none"):
            line, code = refused(command, "--model", model, *arguments[command])
            assert code == "model-not-found"
            assert line.startswith(f"--model {model}: ")

    def test_an_address_where_nothing_answers(self, refused, image):
        line, _ = refused("compare", "--model", "ftp://127.0.0.1:9/x", image, image)
        assert line.startswith("ftp://127.0.0.1:9/x: ")
        line, code = refused("compare", "--model", "http://127.0.0.1:9", image, image)
        assert code == "serve-no-answer"
        assert line.startswith("--model http://127.0.0.1:9: ")

    def test_another_projects_model(self, refused, tmp_path, image):
        (tmp_path / "1").mkdir()
        (tmp_path / "1" / "saved_model.pb").write_bytes(b"")
        line, _ = refused("compare", "--model", tmp_path, image, image)
        assert line.startswith(f"{tmp_path}/1: ")

    def test_a_malformed_list_of_pairs(self, refused, tmp_path):
        (tmp_path / "p.csv").write_text("image_a,image_b,same\na.png,a.png,maybe\n")
        line, _ = refused("evaluate", "--model", tmp_path, "--pairs", tmp_path / "p.csv")
        assert line.startswith(f"{tmp_path}/p.csv line 2: ")


def test_servers_listen_on_this_machine_alone_by_default(command_line, monkeypatch, tmp_path):
    asked = []
    for name in ("serve_model", "serve_transformer"):
        monkeypatch.setattr(f"pipeline.serving.server.process.{name}", lambda _, host, *__: asked.append(host))
    command_line("serve", "--model", tmp_path)
    command_line("transform", "--predictor", "127.0.0.1:9")
    assert asked == ["127.0.0.1"] * 2


class TestRuns:
    @pytest.fixture
    def output(self, tmp_path):
        metrics = {"accuracy": Metric(value=0.91234), "auc": Metric(value=0.95)}
        gate = GateResult(name="floors", passed=False, reason="accuracy 0.7 is below the floor 0.8")
        common = {"seed": 0, "config_digest": "d"}
        for one in (
            RunSummary(run_id="r1", status="pushed", exit_code=0, pushed_version=17, metrics=metrics, **common),
            RunSummary(run_id="r2", status="refused", exit_code=3, gates=[gate], **common),
            RunSummary(run_id="r3", status="failed", exit_code=2, error="it is empty", **common),
            RunSummary(run_id="r4", status="pushed", exit_code=0, already_serving=True, pushed_version=17, **common),
            RunSummary(run_id="r5", status="skipped", exit_code=0, skipped="2 new images", **common),
        ):
            (tmp_path / "runs" / one.run_id).mkdir(parents=True)
            one.write(tmp_path / "runs" / one.run_id)
        return tmp_path

    def test_every_run_is_a_line_and_every_reason_one_below(self, output, monkeypatch):
        monkeypatch.setenv("COLUMNS", "160")
        result = CliRunner().invoke(main.app, ["runs", "--output", str(output)])
        assert result.exit_code == 0
        lines = [" ".join(line.split()) for line in result.stdout.splitlines()[1:]]
        assert lines == [
            "r1 pushed 17 0.9123 0.9500 0",
            "r2 refused - - - 0",
            "r3 failed - - - 0",
            "r4 already serving 17 - - 0",
            "r5 skipped - - - 0",
            "r2: floors: accuracy 0.7 is below the floor 0.8.",
            "r3: it is empty",
            "r5: 2 new images",
        ]

    def test_a_narrow_terminal_cuts_neither_ids_nor_reasons(self, tmp_path, monkeypatch):
        monkeypatch.setenv("COLUMNS", "80")
        one = RunSummary(
            run_id="20260101T000000Z",
            status="pushed",
            exit_code=0,
            already_serving=True,
            pushed_version=1795397105,
            metrics={"accuracy": Metric(value=0.9), "auc": Metric(value=0.9)},
            error="long " * 20,
            seed=0,
            config_digest="d",
        )
        (tmp_path / "runs" / one.run_id).mkdir(parents=True)
        one.write(tmp_path / "runs" / one.run_id)
        shown = CliRunner().invoke(main.app, ["runs", "--output", str(tmp_path)]).stdout
        assert f"20260101T000000Z: {'long ' * 20}\n" in shown
        assert re.search(r"^20260101T000000Z +already serving +1795397105 +0\.9000 +0\.9000 ", shown, re.MULTILINE)

    def test_json_holds_the_summaries(self, output):
        result = CliRunner().invoke(main.app, ["runs", "--output", str(output), "--json"])
        found = json.loads(result.stdout)
        assert [one["run_id"] for one in found] == ["r1", "r2", "r3", "r4", "r5"]
        assert found[0]["metrics"]["accuracy"]["value"] == 0.91234

    def test_no_run_yet(self, tmp_path):
        assert "no run under" in CliRunner().invoke(main.app, ["runs", "--output", str(tmp_path)]).stdout

    def test_no_folder(self, refused, tmp_path):
        line, code = refused("runs", "--output", tmp_path / "none")
        assert code == "config-no-output-folder"
        assert line.startswith(f"--output {tmp_path}/none: ")


@pytest.mark.parametrize("option", [["--output", "x"], ["--serving-dir", "x"], ["--history"], ["--json"]])
def test_options_before_runs_show_are_refused(option):
    error = CliRunner().invoke(main.app, ["runs", *option, "show"]).exception
    assert isinstance(error, UserError)
    assert error.code == "config-conflicting-options"
    assert f"siamese runs show {option[0]}" in str(error)


def test_undefined_metrics_are_null_in_json(monkeypatch, tmp_path):
    """JSON has no NaN."""
    import numpy as np

    (tmp_path / "p.csv").write_text("image_a,image_b,same\na,b,1\na,c,1\n")
    for name in "abc":
        (tmp_path / name).touch()

    class Manifest:
        threshold, image = 0.5, None

    class Model:
        manifest = Manifest()

    monkeypatch.setattr("models.export.inference.LoadedModel", lambda folder: Model())
    monkeypatch.setattr("pipeline.serving.offline.model_folder", lambda model: model)
    monkeypatch.setattr("pipeline.serving.offline.score_pairs", lambda *_: (np.array([0.1, 0.9]), np.array([0.9, 0.1])))
    arguments = ["evaluate", "--model", "m", "--pairs", str(tmp_path / "p.csv"), "--json"]
    result = CliRunner().invoke(main.app, [*arguments, "--scores", str(tmp_path / "s.csv")])

    def fail(constant):
        raise AssertionError(f"{constant} in JSON")

    answer = json.loads(result.stdout, parse_constant=fail)
    assert answer["metrics"]["auc"] is None
    assert answer["metrics"]["accuracy"] == 0.5
    with (tmp_path / "s.csv").open() as file:
        assert [row["score"] for row in csv.DictReader(file)] == ["0.900000", "0.100000"]
