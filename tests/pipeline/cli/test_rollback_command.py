"""``siamese rollback`` and the history in ``siamese runs``, as a user sees them."""

import fcntl
import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from components.run_outcome.summary import RunSummary
from components.serving_folder.push import Provenance, push
from components.serving_folder.serving_folder import history, served, versions
from pipeline.config import load_config
from pipeline.environment.output_folder import serving_address, serving_address_of_runs
from pipeline.runs.listing import show_history
from pipeline.serving.offline import model_folder, store_address


@pytest.fixture
def siamese(command_line, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    return command_line


@pytest.fixture
def output(tmp_path):
    return tmp_path / "output"


@pytest.fixture
def two(output, tmp_path):
    """Two models were pushed by runs r1 and r2; their versions."""

    def pushed(name: str, run_id: str) -> int:
        model = tmp_path / name
        model.mkdir()
        (model / "saved_model.pb").write_text(name)
        return push(model, output / "serving", Provenance("ann@lab", f"{name} is good", run_id)).version

    return pushed("old", "r1"), pushed("new", "r2")


def write_run(output, serving_dir=None, run_id="r1"):
    summary = RunSummary(run_id=run_id, status="pushed", exit_code=0, seed=0, config_digest="c")
    summary.config = {"push": {"serving_dir": serving_dir}}
    (output / "runs" / run_id).mkdir(parents=True)
    summary.write(output / "runs" / run_id)


class TestRollback:
    def test_the_earlier_model_serves_again_and_it_is_said(self, siamese, output, two):
        old, new = two
        code, out, _ = siamese("rollback", "--output", output, "--reason", "wrong on twins", "--by", "eve")
        version = versions(output / "serving")[-1]

        assert code == 0
        assert out.splitlines()[:2] == [
            f"Rolled back: version {version} serves, the model of version {old}; it replaced {new}",
            f"{output}/serving/{version}",
        ]
        assert (served(output / "serving") / "saved_model.pb").read_text() == "old"
        event = history(output / "serving").events[-1]
        assert (event.reason, event.by) == ("wrong on twins", "eve")

    def test_json(self, siamese, output, two):
        code, out, _ = siamese("rollback", "--output", output, "--to", two[0], "--json")
        version = versions(output / "serving")[-1]
        assert code == 0
        assert json.loads(out) == {
            "version": version,
            "restored": two[0],
            "replaced": two[1],
            "address": f"{output}/serving/{version}",
        }

    @pytest.mark.parametrize("arguments", [(), ("--to", 12), ("--to", "new")])
    def test_what_cannot_be_done_is_one_line_and_exit_code_2(self, siamese, output, two, arguments):
        siamese("rollback", "--output", output)  # there is nothing before the first
        arguments = [two[1] if one == "new" else one for one in arguments]
        if two[1] in arguments:
            (output / "serving" / str(two[1]) / "saved_model.pb").write_text("spoilt")
        before = versions(output / "serving")

        code, out, err = siamese("rollback", "--output", output, *arguments)

        assert (code, out, err.count("\n")) == (2, "", 1)
        assert err.startswith(f"error: {output}/serving")
        assert versions(output / "serving") == before

    def test_a_missing_folder(self, siamese, output):
        _, _, err = siamese("rollback", "--output", output)
        assert err.startswith(f"error: --output {output}: ")
        assert err.endswith("[config-no-output-folder]\n")

    def test_not_while_a_run_is_in_progress(self, siamese, output, two):
        with (output / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            code, _, err = siamese("rollback", "--output", output)
        assert code == 2
        assert err.endswith("[config-output-locked]\n")
        assert versions(output / "serving") == list(two)

    def test_a_serving_folder_elsewhere_is_the_one_of_the_newest_run_or_the_one_named(self, siamese, output, two):
        elsewhere = output.parent / "elsewhere"
        (output / "serving").rename(elsewhere)
        assert siamese("rollback", "--output", output, "--serving-dir", elsewhere)[0] == 0
        write_run(output, str(elsewhere))
        assert siamese("rollback", "--output", output, "--to", two[1])[0] == 0
        assert len(versions(elsewhere)) == 4


class TestHistory:
    def test_below_the_runs_stand_what_serves_and_why(self, siamese, output, two):
        write_run(output)
        siamese("rollback", "--output", output, "--reason", "wrong on [twins]", "--by", "eve")
        version = versions(output / "serving")[-1]

        code, out, _ = siamese("runs", "--output", output)

        assert code == 0
        lines = [line.rstrip() for line in out.splitlines()]
        serving = next(
            number for number, line in enumerate(lines) if line.startswith(f"version {version} serves since ")
        )
        assert lines[serving].endswith(f"UTC  {output}/serving")
        assert [line[21:] for line in lines[serving + 1 :]] == [
            f"{two[0]} pushed, the first                               ann@lab  run r1",
            "old is good",
            f"{two[1]} pushed, replaced {two[0]}                     ann@lab  run r2",
            "new is good",
            f"{version} rolled back to {two[0]}, replaced {two[1]}  eve",
            "wrong on [twins]",
        ]

    def test_only_the_newest_events_stand_there(self, siamese, output, two):
        write_run(output)
        for _ in range(6):
            siamese("rollback", "--output", output, "--to", two[0])
            siamese("rollback", "--output", output, "--to", two[1])
        assert "\n4 earlier events: siamese runs --history\n" in siamese("runs", "--output", output)[1]
        assert "earlier events" not in siamese("runs", "--output", output, "--history")[1]

    def test_history_as_json(self, siamese, output, two):
        _, out, _ = siamese("runs", "--output", output, "--history", "--json")
        found = json.loads(out)
        assert (found["serving"], found["versions"]) == (two[1], list(two))
        assert found["since"] == found["events"][-1]["at"].replace("Z", "+00:00")
        assert [(event["action"], event["replaced"], event["run_id"]) for event in found["events"]] == [
            ("push", None, "r1"),
            ("push", two[0], "r2"),
        ]

    def test_json_of_runs_is_the_list_of_summaries_still(self, siamese, output, two):
        write_run(output)
        assert [one["run_id"] for one in json.loads(siamese("runs", "--output", output, "--json")[1])] == ["r1"]

    def test_an_address_that_cannot_be_read_does_not_hide_the_runs(self, siamese, output):
        write_run(output, "nothing://bucket")
        code, out, _ = siamese("runs", "--output", output)
        assert code == 0
        assert out.splitlines()[-1].startswith("nothing://bucket: ")

    def test_a_long_reason_is_wrapped_to_a_terminal_and_whole_elsewhere(self, output, tmp_path):
        (tmp_path / "model").mkdir()
        (tmp_path / "model" / "saved_model.pb").write_text("graph")
        reason = " ".join(f"word{number}" for number in range(30))
        push(tmp_path / "model", output / "serving", Provenance("ann@lab", reason, "r1"))
        for terminal in (True, False):
            shown = io.StringIO()
            console = Console(file=shown, width=60, force_terminal=terminal, color_system=None, highlight=False)
            show_history(console, "x", history(output / "serving"))
            lines = shown.getvalue().splitlines()[2:]
            assert " ".join(line.strip() for line in lines) == reason
            assert all(line.startswith(" " * 21 + "word") for line in lines)
            assert all(len(line) <= 60 for line in lines) == (len(lines) > 1) == terminal

    def test_a_version_of_unknown_age(self, siamese, output):
        (output / "serving" / "7").mkdir(parents=True)
        (output / "serving" / "7" / "saved_model.pb").write_text("graph")
        _, out, _ = siamese("runs", "--output", output, "--history")
        assert out.splitlines()[0] == f"version 7 serves  {output}/serving"
        assert out.splitlines()[1].split() == ["unknown", "7", "found", "unknown"]
        found = json.loads(siamese("runs", "--output", output, "--history", "--json")[1])
        assert (found["since"], found["events"][0]["at"]) == (None, None)

    def test_nothing_was_pushed_yet(self, siamese, output):
        output.mkdir()
        assert "nothing serves" in siamese("runs", "--output", output, "--history")[1]


class TestModelFolder:
    def test_a_model_in_a_store_is_downloaded(self, tmp_path):
        model = tmp_path / "model"
        model.mkdir()
        (model / "saved_model.pb").write_text("graph")
        push(model, "memory://fetched/serving")
        for address in ("memory://fetched/serving", Path("memory://fetched/serving")):
            assert (model_folder(address) / "saved_model.pb").read_text() == "graph"

    def test_nothing_serves_there(self, siamese):
        code, _, err = siamese("embed", "--model", "memory://none", "--images", "x", "--output", "x.npz")
        assert code == 2
        assert err.startswith("error: --model memory://none: ")
        assert err.endswith("[model-not-found]\n")

    def test_a_path_is_a_path(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "gs:" / "x").mkdir(parents=True)
        assert [store_address(one) for one in ("a/b", "/a:/b", "c:/x", Path("gs:/x"))] == [None] * 4
        assert store_address(Path("gs://y/z")) == "gs://y/z"


class TestAddress:
    @pytest.mark.parametrize(
        ("configured", "meant"),
        [(None, "out/serving"), ("gs://bucket/x", "gs://bucket/x"), ("/mnt/models", "/mnt/models")],
    )
    def test_the_default_is_in_the_output_folder(self, configured, meant, tmp_path, monkeypatch):
        assert serving_address(configured, Path("out")) == meant

    def test_in_a_file_it_is_relative_to_the_file_unless_it_is_an_address(self, tmp_path):
        file = tmp_path / "configs" / "mine.yaml"
        file.parent.mkdir()
        for written, meant in (("models", str(file.parent / "models")), ("gs://bucket/x", "gs://bucket/x")):
            file.write_text(f"push:\n  serving_dir: {written}\n")
            assert load_config(file).push.serving_dir == meant

    def test_a_relative_folder_is_made_absolute(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert serving_address("models", tmp_path / "out") == str(tmp_path / "models")

    def test_the_newest_run_decides_and_a_summary_of_another_release_is_passed_over(self, output):
        write_run(output, "gs://one", "r1")
        write_run(output, "gs://two", "r2")
        (output / "runs" / "r3").mkdir()
        (output / "runs" / "r3" / "summary.json").write_text("{")
        (output / "runs" / "latest").symlink_to("r1")
        assert serving_address_of_runs(output) == "gs://two"
