"""One local run from the command line's arguments to its exit code."""

import hashlib
import shutil
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from rich.console import Console
from rich.markup import escape

from components.image_example_gen.sources.open_source import open_source
from components.run_outcome.summary import RunSummary
from components.serving_folder.serving_folder import check_writable, served_key
from components.storage.folders import read_file
from models.errors import ExitCode, NotEnoughNewData, RejectedData, UserError
from models.training.hosts.cluster import hosts
from pipeline.config.configuration import DIGITS, Config
from pipeline.environment.output_folder import METADATA, alone, new_run_id, point_latest, writable
from pipeline.environment.pretrained import check_weights
from pipeline.environment.serving_address import serving_address
from pipeline.runners.local.digits import write_digits
from pipeline.runners.local.hosts import check_first_host, place_of_hosts, told_to_other_hosts
from pipeline.terminal.stages import Stages, quiet, show_summary

if TYPE_CHECKING:
    from pipeline.environment.run_environment import Site

E = TypeVar("E", bound=BaseException)


def run(config: Config, output: Path) -> int:
    """Runs the pipeline on the images of ``config`` and writes everything under ``output``.

    Returns:
      The exit code: 0 pushed, already serving or skipped, 3 refused, 2 the user's to mend, 1 anything else.

    Raises:
      UserError: before anything has run: no images, or another run is at work in ``output``.
    """
    check_first_host(config, output)
    output = writable(output)
    with alone(output):
        data_root = images_of(config, output)
        check_writable(serving_address(config.push.serving_dir, output))
        data_digest = data_fingerprint(config, data_root)
        check_weights(config.encoder, config.image)
        run_id = new_run_id(output)
        run_dir = output / "runs" / run_id
        run_dir.mkdir(parents=True)
        started = time.monotonic()
        with quiet(run_dir / "log.txt") as console:
            console.print(
                f"[bold]{config.name}[/]  images in {escape(data_root)}, output in {escape(str(output))}",
                soft_wrap=True,
            )
            with told_to_other_hosts(output, run_id) as tell:
                summary = _execute(config, output, data_root, data_digest, run_id, console)
                tell(summary)
            summary.seconds = round(time.monotonic() - started, 1)
            summary.write(run_dir)
            point_latest(output, run_id)
            _report(output, run_dir)
            show_summary(console, summary, run_dir, output)
    return summary.exit_code


def _report(output: Path, run_dir: Path) -> None:
    """The page beside the summary, whatever came of the run; that it cannot be drawn changes nothing."""
    from pipeline.runs.report import write_page

    try:
        write_page(output, run_dir.name)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - into the log
        traceback.print_exception(error)


def _execute(
    config: Config, output: Path, data_root: str, data_digest: str, run_id: str, console: Console
) -> RunSummary:
    """Runs the graph and tells how it ended, however it ended."""
    stages = Stages(console)
    summary = RunSummary.begun(run_id, config.model_dump(mode="json"), config.digest())
    error: BaseException | None = None
    try:
        with stages.progress():
            _run_graph(config, output, data_root, data_digest, run_id, stages)
    except (Exception, KeyboardInterrupt) as raised:  # noqa: BLE001 - whatever was raised, the summary tells it
        error = raised
        traceback.print_exception(raised)  # into the log
    try:
        _fill(summary, output, run_id)
    except Exception as raised:  # noqa: BLE001 - a metadata store that cannot be read must not hide what came before
        error = error or raised
        traceback.print_exception(raised)
    summary.peak_memory_mb = stages.peak_memory_mb
    if reason := _cause(error, NotEnoughNewData):
        summary.status, summary.exit_code, summary.skipped = "skipped", ExitCode.SKIPPED, str(reason)
        summary.failed_component = None
    elif error:
        _fail(summary, error, output)
    return summary


def _run_graph(config: Config, output: Path, data_root: str, data_digest: str, run_id: str, stages: Stages) -> None:
    site = load_site(config, output, data_root, data_digest, run_id, stages)
    from pipeline.runners.local import runner

    try:
        runner.run(config, site, stages.on_node)
    except Exception as error:
        if _cause(error, NotEnoughNewData):
            stages.finish()  # it did what it is for
        raise


def load_site(config: Config, output: Path, data_root: str, data_digest: str, run_id: str, stages: Stages) -> "Site":
    """Where a run under ``output`` reads and writes; loads TFX, which takes ten seconds and is shown."""
    stages.start("load TFX")
    from pipeline.environment.run_environment import Site
    from pipeline.runners.local import runner

    stages.finish()
    serving = serving_address(config.push.serving_dir, output)
    return Site(
        data_root=data_root,
        data_digest=data_digest,
        serving_dir=serving,
        served=served_key(serving),
        artifacts=str(output / "artifacts"),
        run_id=run_id,
        metadata=runner.sqlite(output / METADATA),
        checkpoints=str(output / "checkpoints"),
        hosts=str(place_of_hosts(output)) if hosts().count > 1 else None,
    )


def _fill(summary: RunSummary, output: Path, run_id: str) -> None:
    """Adds what the metadata store holds of a run."""
    if not (output / METADATA).exists():
        return
    from pipeline.runners.local import runner
    from pipeline.runs.record import StoredRun

    record = StoredRun(runner.sqlite(output / METADATA), run_id)
    summary.timings = {node.id: round(node.seconds, 2) for node in record.nodes.values()}
    summary.cached = [node.id for node in record.nodes.values() if node.cached]
    summary.failed_component = next((node.id for node in record.nodes.values() if not node.finished), None)
    record.fill(summary)
    if listing := record.quarantine():
        _keep_listing(output, f"{run_id}.csv", listing.read_text(encoding="utf-8"))
    if (listing := record.near_duplicates()) and summary.counts["images"]["near_duplicates"]["pairs"]:
        _keep_listing(output, f"{run_id}.near_duplicates.csv", listing.read_text(encoding="utf-8"))
    for file in (record.augmented(), record.card()):
        if file:
            shutil.copyfile(file, output / "runs" / run_id / file.name)


def _fail(summary: RunSummary, error: BaseException, output: Path) -> None:
    mine = user_error(error)
    summary.status, summary.error = "failed", str(mine) if mine else _one_line(error)
    summary.exit_code = ExitCode.USER_ERROR if mine else ExitCode.FAILED
    if isinstance(mine, RejectedData):
        summary.counts = {"images": mine.counts}
        _keep_listing(output, f"{summary.run_id}.csv", mine.quarantine)


def _keep_listing(output: Path, name: str, listing: str) -> None:
    folder = output / "quarantine"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(listing, encoding="utf-8")


def user_error(error: BaseException) -> UserError | None:
    """The ``UserError`` behind an exception, however often it was wrapped on its way."""
    return _cause(error, UserError)


def _cause(error: BaseException | None, kind: type[E]) -> E | None:
    seen: set[int] = set()
    current = error
    while current and id(current) not in seen:
        if isinstance(current, kind):
            return current
        seen.add(id(current))
        current = current.__cause__ or current.__context__
    return None


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:500]}" if text else type(error).__name__


def images_of(config: Config, output: Path) -> str:
    """The address of the images: whether they are there, the source itself says."""
    source = config.data.source
    if source is None:
        raise UserError(
            "no images: say --data with a folder, an archive or a manifest, or set data.source in the configuration"
        )
    if source == DIGITS:
        return str(write_digits(output / "data" / "digits"))
    return source if "://" in source else str(Path(source).absolute())


def data_fingerprint(config: Config, data_root: str) -> str:
    """Changes with the images, and with the lists of pairs that decide where they go."""
    lists = [hashlib.sha256(read_file(address)).hexdigest() for address in config.pairs.protocol.given().values()]
    try:
        images = open_source(data_root, config.ingest).fingerprint()
    except UserError as error:
        raise UserError(f"--data {error}", error.code) from None
    return " ".join([images, *lists])
