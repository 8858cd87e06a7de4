import fcntl
import json
import os
import stat

import pytest

from components.run_outcome.summary import RunSummary, read_summaries
from models.errors import RejectedData, UserError
from pipeline.config import load_config
from pipeline.runners.local import run as run_module
from pipeline.runners.local.run import run, user_error


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    (folder / "someone").mkdir(parents=True)
    (folder / "someone" / "1.png").write_bytes(b"x")
    return load_config(overrides=[f"data.source={folder}"])


@pytest.fixture
def executed(monkeypatch):
    """Stands for the graph: says which runs it was asked for, and ends them with ``code``."""
    ran = []

    def execute(config, output, data_root, data_digest, run_id, console):
        ran.append(run_id)
        os.write(1, b"a library's chatter\n")
        return RunSummary(run_id=run_id, status="refused", exit_code=3, seed=config.seed, config_digest="d")

    monkeypatch.setattr(run_module, "_execute", execute)
    return ran


def caught(raiser) -> BaseException:
    try:
        raiser()
    except BaseException as error:  # noqa: BLE001
        return error
    raise AssertionError("nothing was raised")


class TestUserError:
    def test_itself(self):
        error = UserError("x")
        assert user_error(error) is error

    @pytest.mark.parametrize("depth", [1, 4])
    @pytest.mark.parametrize("how", ["from", "during"])
    def test_however_often_it_was_wrapped(self, depth, how):
        def raiser(level):
            if not level:
                raise UserError("the folder is empty")
            try:
                raiser(level - 1)
            except Exception as error:
                if how == "from":
                    raise RuntimeError(f"level {level}") from error
                raise RuntimeError(f"level {level}")  # noqa: B904

        assert str(user_error(caught(lambda: raiser(depth)))) == "the folder is empty"

    def test_other_errors_are_not_the_users(self):
        error = RuntimeError("a")
        error.__cause__ = ValueError("b")
        error.__cause__.__context__ = error  # a circle
        assert user_error(error) is None


def test_a_run_leaves_a_summary_a_log_and_a_link_to_the_latest(data, tmp_path, executed, capfd):
    assert [run(data, tmp_path / "out"), run(data, tmp_path / "out")] == [3, 3]
    assert len(set(executed)) == 2
    runs = tmp_path / "out" / "runs"
    for run_id in executed:
        assert json.loads((runs / run_id / "summary.json").read_text())["run_id"] == run_id
        assert "a library's chatter" in (runs / run_id / "log.txt").read_text()
    latest = runs / "latest"
    assert latest.is_symlink()
    assert str(latest.readlink()) == executed[-1]  # relative: the folder can be moved
    assert "Refused" in (shown := capfd.readouterr().out)
    assert "chatter" not in shown


def test_another_run_at_work_is_refused_and_its_lock_ends_with_it(data, tmp_path, executed):
    output = tmp_path / "out"
    output.mkdir()
    with (output / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(UserError, match=f"--output {output}: another run is at work there"):
            run(data, output)
    assert executed == []
    assert run(data, output) == 3


def test_an_output_that_cannot_be_written_is_named(data, tmp_path, executed):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"--output .*/file: cannot be made"):
        run(data, tmp_path / "file")
    if os.geteuid():  # root may write anywhere
        (tmp_path / "locked").mkdir(mode=stat.S_IRUSR | stat.S_IXUSR)
        with pytest.raises(UserError, match=r"--output .*/locked: cannot be written to"):
            run(data, tmp_path / "locked")
    assert executed == []


@pytest.mark.parametrize("place", ["file", "nothing://bucket"])
def test_a_serving_folder_that_takes_no_push_is_told_before_the_run_begins(data, tmp_path, executed, place):
    (tmp_path / "file").write_text("")
    configured = place if "://" in place else str(tmp_path / place)
    config = data.model_copy(update={"push": data.push.model_copy(update={"serving_dir": configured})})
    with pytest.raises(UserError, match=f"{configured}: "):
        run(config, tmp_path / "out")
    assert executed == []
    assert not (tmp_path / "out" / "runs").exists()


def test_no_source_is_the_users_error(tmp_path, executed):
    with pytest.raises(UserError, match="no images: say --data with a folder"):
        run(load_config(overrides=["data.source=null"]), tmp_path)
    assert executed == []


def ending(monkeypatch, raised: BaseException):
    def graph(*_):
        raise raised

    monkeypatch.setattr(run_module, "_run_graph", graph)


def test_data_that_ingest_rejects_leaves_its_listing_and_counts(data, tmp_path, monkeypatch):
    listing = 'path,reason,bytes\nsomeone/1.png,"not an image",1\n'
    ending(
        monkeypatch,
        RejectedData("1 of 1 images are unusable", listing, {"quarantined": 1, "images": 0, "identities": 0}),
    )
    assert run(data, tmp_path / "out") == 2
    summary = read_summaries(tmp_path / "out")[0]
    assert (summary.status, summary.error) == ("failed", "1 of 1 images are unusable")
    assert summary.counts["images"]["quarantined"] == 1
    assert (tmp_path / "out" / "quarantine" / f"{summary.run_id}.csv").read_text() == listing


@pytest.mark.parametrize(
    ("raised", "code"), [(ImportError("no TFX"), 1), (KeyboardInterrupt(), 1), (UserError("serving is a file"), 2)]
)
def test_a_fault_before_the_first_node_leaves_a_summary_too(data, tmp_path, monkeypatch, raised, code):
    ending(monkeypatch, raised)
    assert run(data, tmp_path / "out") == code
    summary = read_summaries(tmp_path / "out")[0]
    assert (summary.status, summary.exit_code, summary.timings) == ("failed", code, {})
    assert str(raised) in summary.error


def test_a_damaged_metadata_store_hides_nothing(data, tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "metadata.sqlite").write_bytes(b"no database" * 100)
    ending(monkeypatch, UserError("the first fault"))
    assert run(data, tmp_path / "out") == 2
    assert read_summaries(tmp_path / "out")[0].error == "the first fault"
