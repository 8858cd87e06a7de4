"""The runner on a small pipeline of its own: what it reports, what it runs again, and where it stops."""

import logging
import shutil
import signal
import subprocess
import time
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

import pytest
from tfx.dsl.compiler import compiler, constants
from tfx.dsl.component.experimental.annotations import OutputArtifact, OutputDict, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.orchestration.pipeline import Pipeline
from tfx.orchestration.portable import runtime_parameter_utils
from tfx.types.channel import Channel
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter
from tfx.types.standard_artifacts import Examples

from components.gates.serving_validator import process
from models.errors import UserError, node_of
from pipeline.environment.leftovers import remove_unfinished
from pipeline.runners.local import runner
from pipeline.runs.metadata import unfinished


@component
def Writer(file: Parameter[str], line: Parameter[str]) -> OutputDict(written=str):  # noqa: N802
    with Path(file).open("a", encoding="utf-8") as lines:
        lines.write(f"{line}\n")
    return {"written": line}


@component
def Failer(reason: Parameter[str]) -> OutputDict(written=str):  # noqa: N802
    raise UserError(reason, "data-no-images")


def launch(folder: Path, nodes: list[BaseNode], run_id: str = "run") -> list[tuple[str, bool]]:
    """What the runner reports of the nodes, one after the other."""
    for first, second in pairwise(nodes):
        second.add_upstream_node(first)
    return launched(folder, nodes, run_id)


def launched(folder: Path, nodes: list[BaseNode], run_id: str = "run") -> list[tuple[str, bool]]:
    """What the runner reports of a pipeline, which an error has too."""
    pipeline = compiler.Compiler().compile(
        Pipeline("small", str(folder / "artifacts"), runner.sqlite(folder / "m.sqlite"), nodes, enable_cache=True)
    )
    runtime_parameter_utils.substitute_runtime_parameter(pipeline, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: run_id})
    reported: list[tuple[str, bool]] = []
    try:
        runner.run_nodes(pipeline, lambda node, finished: reported.append((node, finished)))
    except BaseException as error:
        error.reported = reported
        raise
    return reported


@component
def FolderWriter(file: Parameter[str], line: Parameter[str], made: OutputArtifact[Examples]):  # noqa: N802
    with Path(file).open("a", encoding="utf-8") as lines:
        lines.write(f"{line}\n")
    (Path(made.uri) / "value").write_text(line)


@component
def Interrupted(made: OutputArtifact[Examples]):  # noqa: N802
    (Path(made.uri) / "half").write_text("half")
    raise KeyboardInterrupt


class BesideSpec(ComponentSpec):
    INPUTS: ClassVar = {}
    OUTPUTS: ClassVar = {"made": ChannelParameter(type=Examples)}
    PARAMETERS: ClassVar = {"waits_for": ExecutionParameter(type=str), "reason": ExecutionParameter(type=str)}


class BesideExecutor(BaseExecutor):
    """Waits for a file that a later node writes."""

    in_another_process = True

    def Do(self, input_dict, output_dict, exec_properties):  # noqa: N802
        until = time.monotonic() + 20
        while not Path(exec_properties["waits_for"]).exists():
            if exec_properties["reason"] == "ended" and not process._running:
                raise InterruptedError("the process was ended with the run")
            assert time.monotonic() < until, "nothing runs beside it"
            time.sleep(0.01)
        if exec_properties["reason"]:
            raise UserError(exec_properties["reason"], "data-no-images")


class Beside(BaseComponent):
    SPEC_CLASS = BesideSpec
    EXECUTOR_SPEC = ExecutorClassSpec(BesideExecutor)

    def __init__(self, waits_for: Path, reason: str = "") -> None:
        made = Channel(type=Examples)
        super().__init__(BesideSpec(waits_for=str(waits_for), reason=reason, made=made))


def written(folder: Path) -> list[Path]:
    return sorted((folder / "artifacts" / "One").rglob("value"))


def write(folder: Path, line: str, name: str) -> BaseNode:
    return Writer(file=str(folder / "lines"), line=line).with_id(name)


def test_the_start_and_the_finish_of_each_node_are_reported(tmp_path):
    reported = launch(tmp_path, [write(tmp_path, "1", "One"), write(tmp_path, "2", "Two")])
    assert reported == [("One", False), ("One", True), ("Two", False), ("Two", True)]
    assert (tmp_path / "lines").read_text() == "1\n2\n"


def test_a_node_that_fails_ends_the_run(tmp_path):
    failer = Failer(reason="wrong").with_id("Two")
    with pytest.raises(Exception, match="wrong") as error:
        launch(tmp_path, [write(tmp_path, "1", "One"), failer, write(tmp_path, "3", "Three")])
    assert error.value.reported == [("One", False), ("One", True), ("Two", False)]
    assert (tmp_path / "lines").read_text() == "1\n"


def launch_beside(folder: Path, beside: BaseNode, *others: BaseNode, last: BaseNode) -> list[tuple[str, bool]]:
    """``beside`` needs none of the others, and ``last`` needs it."""
    last.add_upstream_node(beside)
    return launched(folder, [*others, beside, last])


def test_a_node_whose_work_another_process_does_runs_beside_the_others(tmp_path):
    """It begins before the node that it waits for; what needs it waits until it has ended."""
    one, two = write(tmp_path, "1", "One"), write(tmp_path, "2", "Two")
    reported = launch_beside(tmp_path, Beside(tmp_path / "lines"), one, last=two)
    began, needed = reported.index(("Beside", False)), reported.index(("One", True))
    assert began < needed < reported.index(("Two", False))
    assert reported.index(("Beside", True)) < reported.index(("Two", False))
    assert (tmp_path / "lines").read_text() == "1\n2\n"
    assert sorted(reported) == sorted((name, end) for name in ("One", "Two", "Beside") for end in (False, True))


def test_a_node_that_fails_beside_others_ends_the_run(tmp_path):
    with pytest.raises(Exception, match="wrong") as error:
        launch_beside(
            tmp_path,
            Beside(tmp_path / "lines", "wrong"),
            write(tmp_path, "1", "One"),
            last=write(tmp_path, "2", "Two"),
        )
    assert ("One", True) in error.value.reported
    assert ("Two", False) not in error.value.reported
    assert (tmp_path / "lines").read_text() == "1\n"


def test_the_node_that_failed_is_known_also_where_another_was_ended_for_it(tmp_path, monkeypatch):
    sleeper = subprocess.Popen(["sleep", "60"])
    monkeypatch.setattr(process, "_running", {sleeper})
    failer = Failer(reason="wrong").with_id("One")
    with pytest.raises(Exception, match="wrong") as error:
        launch_beside(tmp_path, Beside(tmp_path / "never", "ended"), failer, last=write(tmp_path, "2", "Two"))
    assert node_of(error.value) == "One"
    wrapped = OSError("full")
    wrapped.__cause__ = error.value
    assert (node_of(wrapped), node_of(None), node_of(ValueError())) == ("One", None, None)
    assert sleeper.wait(10) == -signal.SIGKILL


def test_a_run_that_ends_early_ends_what_runs_beside_it(tmp_path, monkeypatch):
    sleeper = subprocess.Popen(["sleep", "60"])
    monkeypatch.setattr(process, "_running", {sleeper})
    with pytest.raises(KeyboardInterrupt) as error:
        launch_beside(
            tmp_path,
            Beside(tmp_path / "never", "ended"),
            Interrupted().with_id("One"),
            last=write(tmp_path, "2", "Two"),
        )
    assert ("Two", False) not in error.value.reported
    assert sleeper.wait(10) == -signal.SIGKILL
    assert unfinished(tmp_path / "m.sqlite")


def test_a_node_with_the_same_parameters_is_taken_from_the_cache(tmp_path):
    launch(tmp_path, [write(tmp_path, "1", "One"), write(tmp_path, "2", "Two")], "first")
    reported = launch(tmp_path, [write(tmp_path, "1", "One"), write(tmp_path, "3", "Two")], "second")
    assert reported[-1] == ("Two", True)
    assert (tmp_path / "lines").read_text() == "1\n2\n3\n"


SPOILS = {
    "flipped": lambda file: file.write_bytes(bytes([file.read_bytes()[0] ^ 1]) + file.read_bytes()[1:]),
    "emptied": lambda file: file.write_bytes(b""),
    "removed": lambda file: file.unlink(),
    "gone": lambda file: shutil.rmtree(file.parent),
}


@pytest.mark.parametrize("writer", [Writer, FolderWriter])  # a file, a folder
@pytest.mark.parametrize("spoil", SPOILS.values(), ids=SPOILS)
def test_a_damaged_artifact_is_named_and_made_again(tmp_path, caplog, spoil, writer):
    def nodes():
        return [writer(file=str(tmp_path / "lines"), line="1").with_id("One"), write(tmp_path, "2", "Two")]

    launch(tmp_path, nodes(), "first")
    spoil(written(tmp_path)[0])
    with caplog.at_level(logging.INFO, "siamese.progress"):
        launch(tmp_path, nodes(), "second")
    assert (tmp_path / "lines").read_text() == "1\n2\n1\n"
    assert any("damaged, and made again: " in line and "One/" in line for line in caplog.messages)
    launch(tmp_path, nodes(), "third")
    assert (tmp_path / "lines").read_text() == "1\n2\n1\n"


def test_nothing_of_a_run_that_the_store_does_not_know_becomes_part_of_an_artifact(tmp_path):
    """The metadata store was removed; executions are counted from the beginning again."""
    launch(tmp_path, [FolderWriter(file=str(tmp_path / "lines"), line="1").with_id("One")], "first")
    (old,) = written(tmp_path)
    (old.parent / "more").write_text("of the other run")
    (tmp_path / "m.sqlite").unlink()
    launch(tmp_path, [FolderWriter(file=str(tmp_path / "lines"), line="3").with_id("One")], "second")
    (new,) = written(tmp_path)
    assert new == old
    assert [path.name for path in new.parent.iterdir()] == ["value"]


def test_what_an_interrupted_node_had_written_is_known_to_be_unfinished(tmp_path):
    launch(tmp_path, [FolderWriter(file=str(tmp_path / "lines"), line="1").with_id("One")], "first")
    interrupted = Interrupted().with_id("Two")
    with pytest.raises(KeyboardInterrupt):
        launch(tmp_path, [FolderWriter(file=str(tmp_path / "lines"), line="1").with_id("One"), interrupted], "second")
    (rest,) = (tmp_path / "artifacts" / "Two" / "made").glob("[0-9]*")
    ids = unfinished(tmp_path / "m.sqlite")
    assert ids == {int(rest.name)}
    remove_unfinished(tmp_path / "artifacts", ids)
    assert not rest.exists()
    assert len(written(tmp_path)) == 1
    assert unfinished(tmp_path / "none") == set()
