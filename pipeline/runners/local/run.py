"""One local run from the command line's arguments to its exit code."""

import errno
import os
import shutil
import signal
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from components.image_example_gen.helper_processes import MANY, end_waiting, prepared
from components.run_outcome.summary import FILE, RunSummary, recorded_summaries
from components.run_outcome.verdict import Outcome, cause_of
from components.serving_folder.serving_folder import check_writable, history, served_key
from components.storage.digests import Digests
from models.addresses import is_plain
from models.errors import NotEnoughNewData, RejectedData, Terminated, UserError, disk_fault, node_of
from models.library_environment import loading
from models.training.hosts.cluster import hosts
from pipeline.config.configuration import Config, with_absolute_paths
from pipeline.environment.leftovers import remove_unfinished, temporary_folder
from pipeline.environment.output_folder import (
    DIGESTS,
    METADATA,
    check_metadata,
    locked,
    mark,
    new_run_id,
    plain_name,
    point_latest,
    serving_address,
    writable,
    written_metadata,
)
from pipeline.environment.pretrained import check_weights
from pipeline.environment.run_environment import RunEnvironment
from pipeline.runners.beam.checks import check_runner
from pipeline.runners.local.hosts import announced_run, check_chief, rendezvous_folder
from pipeline.runners.local.images import data_fingerprint, images_of
from pipeline.runners.local.signals import Ending, ending_in_order
from pipeline.runners.local.unchanged import Inputs, repeat
from pipeline.terminal import Stages, quiet, show_summary

LOG = "log.txt"
_FULL = 1 << 16  # bytes that are free on a full disk, at most


def run(config: Config, output: Path) -> int:
    """Runs the pipeline on the images of ``config`` and writes everything under ``output``.

    Returns:
      The exit code, one of ``models.errors.ExitCode``, or 128 and the number of the signal that ended it.

    Raises:
      UserError: before anything has run: no images, or another run is at work in ``output``.
      Terminated: by a signal before anything has run.
    """
    with ending_in_order() as ending:
        try:
            return _run(config, output, ending)
        except (UserError, OSError, Terminated, KeyboardInterrupt) as error:  # the graph did not begin
            ending.record()
            _alert(config, Outcome.of_error(error, name=config.name, run_id=""), None)
            raise


def _run(config: Config, output: Path, ending: Ending) -> int:
    check_chief(config, output)
    output = writable(output)
    if not is_plain(output):
        config = with_absolute_paths(config)  # the working folder will be another one
    with locked(output), temporary_folder(output):
        mark(output, config.data.source)
        _close_vanished(config, output)
        check_runner(config.beam, str(output))
        data_root = images_of(config, output)
        check_writable(serving_address(config.push.serving_dir, output))
        digests = Digests(output / DIGESTS)
        data_digest = data_fingerprint(config, data_root, digests)
        check_weights(config.encoder, config.image)
        inputs = Inputs(config, output, data_root, data_digest)
        run_id = new_run_id(output)
        run_dir = output / "runs" / run_id
        run_dir.mkdir(parents=True)
        begun = _begun(config, run_id)
        begun.model_copy(update={"status": "running"}).write(run_dir)
        started = time.monotonic()
        with _ended_if_not_executed(begun, run_dir, ending), quiet(run_dir / LOG) as console:
            console.print(
                f"[bold]{config.name}[/]  images in {escape(data_root)}, output in {escape(str(output))}",
                soft_wrap=True,
            )
            with announced_run(output, run_id) as announce_end:
                earlier = inputs.earlier()
                summary = earlier and _repeated(config, output, earlier, run_id, console)
                if not summary:
                    with prepared() if digests.count >= MANY and config.beam.in_process else nullcontext():
                        summary = _execute(config, output, data_root, data_digest, run_id, console)
                ending.record()
                announce_end(summary)
            summary.seconds = round(time.monotonic() - started, 1)
            recorded = _recorded(summary, run_dir)
            if recorded and (settled := _settled(inputs, summary)):
                summary.settled = settled
                recorded = _recorded(summary, run_dir)
            if recorded and summary.signal in (None, signal.SIGINT):  # whoever sent another may not wait for a report
                _report(output, run_dir)
            alerts = summary.same_as or summary.status in ("failed", "interrupted")  # the node Outcome sends the others
            if not_sent := alerts and _alert(config, summary.outcome, run_dir):
                summary.alert = not_sent
                recorded = _recorded(summary, run_dir)
            show_summary(console, summary, run_dir, output)
            if not recorded:
                console.print(f"[yellow]{escape(str(run_dir / FILE))}: could not be written; its verdict is above[/]")
    return summary.exit_code


@contextmanager
def _ended_if_not_executed(begun: RunSummary, run_dir: Path, ending: Ending) -> Iterator[None]:
    """Records the end of a run that a signal, or a full disk, ends before the graph is at work."""
    try:
        yield
    except (Terminated, KeyboardInterrupt, OSError) as error:
        if not ending.recording:
            ending.record()
            begun.conclude(Outcome.of_error(error, **begun.known()))
            _recorded(begun, run_dir)
        raise


def _begun(config: Config, run_id: str) -> RunSummary:
    return RunSummary.begun(run_id, config.model_dump(mode="json"), config.digest())


def _settled(inputs: Inputs, summary: RunSummary) -> str | None:
    """``Inputs.settled``, which reads what serves: a failure costs the next run its quick answer, and nothing else."""
    try:
        return inputs.settled(summary)
    except Exception as error:  # noqa: BLE001 - into the log
        traceback.print_exception(error)
        return None


def _recorded(summary: RunSummary, run_dir: Path) -> bool:
    """Writes the summary; a disk that does not take it fails a run that has not pushed, and hides no verdict."""
    try:
        summary.write(run_dir)
        point_latest(run_dir.parents[1], run_dir.name)
    except OSError as error:
        traceback.print_exception(error)
        if summary.status not in ("failed", "interrupted"):
            summary.conclude(Outcome.of_error(error, summary.gates, **summary.known()))
        return False
    return True


def _close_vanished(config: Config, output: Path) -> None:
    """Records, and reports to ``alerts.webhook``, that earlier runs were killed: they could not."""
    for summary in recorded_summaries(output):
        if summary.status == "running":
            run_dir = output / "runs" / summary.run_id
            summary.pushed_version = _pushed_version(serving_address(_serving_dir(summary), output), summary.run_id)
            summary.conclude(Outcome.of_vanished(**summary.known()))
            summary.alert = _alert(config, summary.outcome, run_dir)
            with suppress(OSError):  # it is read as interrupted, whatever the file says
                summary.write(run_dir)


def _serving_dir(summary: RunSummary) -> str | None:
    configured = summary.config.get("push", {}).get("serving_dir")
    return configured if isinstance(configured, str) else None


def _pushed_version(serving: str, run_id: str) -> int | None:
    """The version that a run has pushed, by the serving folder: the metadata store knows of it only afterwards."""
    try:
        found = history(serving)
    except Exception as error:  # noqa: BLE001 - it must not hide what came before
        traceback.print_exception(error)
        return None
    pushed = (one.version for one in found.events if one.action == "push" and one.run_id == run_id)
    return next((version for version in pushed if version in found.complete), None)


def _report(output: Path, run_dir: Path) -> None:
    """Writes the report beside the summary, whatever the outcome; a failure to draw it changes nothing."""
    from pipeline.runs.report import write_page

    try:
        write_page(output, run_dir.name)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - into the log
        traceback.print_exception(error)


def _alert(config: Config, outcome: Outcome, run_dir: Path | None) -> str | None:
    """Notifies ``alerts.webhook`` of a run that had no node Outcome; returns why it could not."""
    from components.run_outcome.webhook import notify  # httpx

    files = {"summary": FILE, "log": LOG, "report": "report.html"}
    paths = {name: run_dir / file for name, file in files.items()} if run_dir else {}
    return notify(config.alerts, outcome, {name: str(path) for name, path in paths.items() if path.is_file()})


def _repeated(config: Config, output: Path, earlier: RunSummary, run_id: str, console: Console) -> RunSummary | None:
    """The summary of a run that has the verdict of an earlier one; None if it has to be executed."""
    summary, stages = _begun(config, run_id), Stages(console)
    stages.start("unchanged inputs")
    repeated = False
    try:
        repeated = repeat(output, earlier, summary)
    except Exception as error:  # noqa: BLE001 - the graph decides, and reports what is wrong
        traceback.print_exception(error)
    finally:
        stages.finish(failed=not repeated)
    if not repeated:
        return None
    console.print(
        f"    [dim]images, configuration, code and the model that serves are those of run {summary.same_as}: "
        "its results hold[/]",
        soft_wrap=True,
    )
    return summary


def _execute(
    config: Config, output: Path, data_root: str, data_digest: str, run_id: str, console: Console
) -> RunSummary:
    """Runs the graph; returns the summary, however it ended."""
    stages = Stages(console)
    summary = _begun(config, run_id)
    error: BaseException | None = None
    try:
        with stages.progress():
            _run_graph(config, output, data_root, data_digest, run_id, stages)
    except (Exception, KeyboardInterrupt, Terminated) as raised:  # noqa: BLE001 - the summary has it
        error = _on_full_disk(raised, output)
        traceback.print_exception(raised)  # into the log
        if isinstance(raised, Exception) and not (output / "runs" / run_id / FILE).exists():
            gone = f"--output {output}: was removed or moved while the run was in progress"
            error = UserError(gone, code="config-output-gone")
    try:
        _fill(summary, output, run_id, error)
    except Exception as raised:  # noqa: BLE001 - a metadata store that cannot be read must not hide what came before
        error = error or raised
        traceback.print_exception(raised)
    summary.peak_memory_mb = stages.peak_memory_mb
    if error:
        if summary.pushed_version is None:
            serving = serving_address(config.push.serving_dir, output)
            summary.pushed_version = _pushed_version(serving, run_id)
        summary.conclude(Outcome.of_error(error, summary.gates, **summary.known()))
    if rejected := cause_of(error, RejectedData):
        summary.counts = {"images": rejected.counts}
        try:
            _keep_listing(output, f"{run_id}.csv", rejected.quarantine)
        except OSError as raised:  # the verdict says more than it
            traceback.print_exception(raised)
    return summary


def _on_full_disk(error: BaseException, output: Path) -> BaseException:
    """An error that does not say so, but that was raised while a disk was full: what it is then."""
    if isinstance(error, Exception) and not disk_fault(error):
        for folder in (output, Path(tempfile.gettempdir())):
            if folder.is_dir() and shutil.disk_usage(folder).free < _FULL:
                full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
                full.__cause__ = error
                return full
    return error


def _run_graph(config: Config, output: Path, data_root: str, data_digest: str, run_id: str, stages: Stages) -> None:
    check_metadata(output)
    _remove_unfinished(output)
    with written_metadata(output), plain_name(output) as plain:
        environment = load_environment(config, plain, data_root, data_digest, run_id, stages)
        from pipeline.runners.local import runner

        def on_node(node: str, finished: bool) -> None:
            stages.on_node(node, finished)
            if finished and node == "ImageExampleGen":
                end_waiting()

        try:
            runner.run(config, environment, on_node)
        except Exception as error:
            if cause_of(error, NotEnoughNewData):
                stages.finish()  # the node did its work
            raise


def _remove_unfinished(output: Path) -> None:
    from pipeline.runs.metadata import unfinished

    try:
        remove_unfinished(output / "artifacts", unfinished(output / METADATA))
    except Exception as error:  # noqa: BLE001 - what is left does no harm
        traceback.print_exception(error)


def load_environment(
    config: Config, output: Path, data_root: str, data_digest: str, run_id: str, stages: Stages
) -> RunEnvironment:
    """The environment of a run under ``output``; loads TFX, which takes seconds and is shown as a stage."""
    stages.start("load TFX")
    with loading():
        from pipeline.runners.local import runner
    stages.finish()
    serving = serving_address(config.push.serving_dir, output)
    return RunEnvironment(
        data_root=data_root,
        data_digest=data_digest,
        serving_dir=serving,
        served=served_key(serving),
        artifacts=str(output / "artifacts"),
        run_id=run_id,
        metadata=runner.sqlite(output / METADATA),
        checkpoints=str(output / "checkpoints"),
        hosts=str(rendezvous_folder(output)) if hosts().count > 1 else None,
    )


def _fill(summary: RunSummary, output: Path, run_id: str, error: BaseException | None) -> None:
    """Adds what the metadata store has of a run, which ``error`` has ended."""
    if not (output / METADATA).exists():
        return
    from pipeline.runs.metadata import nodes_of, record_of

    nodes = nodes_of(output / METADATA, run_id)
    record = record_of(nodes)
    summary.timings = {node.id: round(node.seconds, 2) for node in nodes.values()}
    summary.cached = [node.id for node in nodes.values() if node.cached]
    record.fill(summary)
    unfinished = [node.id for node in nodes.values() if not node.finished]
    raised_in = node_of(error)  # a node beside it was ended for that
    summary.failed_component = raised_in if raised_in in unfinished else next(iter(unfinished), None)
    if listing := record.quarantine():
        _keep_listing(output, f"{run_id}.csv", listing.read_text(encoding="utf-8"))
    if (listing := record.near_duplicates()) and summary.counts["images"]["near_duplicates"]["pairs"]:
        _keep_listing(output, f"{run_id}.near_duplicates.csv", listing.read_text(encoding="utf-8"))
    for file in (record.augmented(), record.card()):
        if file:
            shutil.copyfile(file, output / "runs" / run_id / file.name)


def _keep_listing(output: Path, name: str, listing: str) -> None:
    folder = output / "quarantine"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(listing, encoding="utf-8")
