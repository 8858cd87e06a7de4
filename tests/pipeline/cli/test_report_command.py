"""The page of a run, from what lies under the output folder."""

import pytest
from typer.testing import CliRunner

from components.run_outcome.summary import RunSummary
from components.run_report.page import write_report
from models.errors import UserError
from pipeline.cli.main import app
from pipeline.runs.report import read_content


def test_it_is_complete_from_the_files_under_the_output_folder(tmp_path):
    run_dir = tmp_path / "runs" / "r1"
    run_dir.mkdir(parents=True)
    fields = {"run_id": "r1", "status": "failed", "exit_code": 1, "seed": 0, "config_digest": ""}
    RunSummary.model_validate({**fields, "error": "no luck"}).write(run_dir)
    (tmp_path / "quarantine").mkdir()
    lines = "".join(f"{n}.png,unreadable,1\n" for n in range(300))
    (tmp_path / "quarantine" / "r1.csv").write_text(f"path,reason,bytes\n{lines}")

    path = write_report(read_content(tmp_path, "r1"), run_dir / "report.html")
    text = path.read_text()
    assert "no luck" in text
    assert "(the first 200 of 300)" in text
    assert sorted(file.name for file in run_dir.iterdir()) == ["report.html", "summary.json"]


def test_a_run_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(UserError) as error:
        read_content(tmp_path, "r9")
    assert error.value.code == "config-unknown-run"
    (tmp_path / "runs" / "r1").mkdir(parents=True)
    (tmp_path / "runs" / "r1" / "summary.json").write_text("{")
    with pytest.raises(UserError) as error:
        read_content(tmp_path, "r1")
    assert error.value.code == "config-damaged-summary"


def test_two_runs_are_compared_on_a_page_beside_the_second(tmp_path):
    for name in ("r1", "r2"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        fields = {"run_id": name, "status": "failed", "exit_code": 1, "seed": 0, "config_digest": ""}
        RunSummary.model_validate({**fields, "error": f"no luck in {name}"}).write(tmp_path / "runs" / name)
    (tmp_path / "runs" / "latest").symlink_to("r2")

    done = CliRunner().invoke(app, ["report", "r1", "latest", "--output", str(tmp_path)])
    path = tmp_path / "runs" / "r2" / "compared_with_r1.html"
    assert (done.exit_code, done.stdout.replace("\n", "")) == (0, str(path))
    text = path.read_text()
    assert "A failed: no luck in r1" in text
    assert "B failed: no luck in r2" in text
    done = CliRunner().invoke(app, ["report", "r1", "r2", "--output", str(tmp_path), "--to", str(tmp_path / "x.html")])
    assert done.exit_code == 0
    assert (tmp_path / "x.html").read_text() == text
