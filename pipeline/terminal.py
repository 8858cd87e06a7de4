"""Terminal output of a run: stages, progress, summary. Library messages go to a file."""

import io
import logging
import os
import re
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from threading import Lock
from typing import Any, TextIO

from rich.console import Console
from rich.markup import escape
from rich.status import Status
from rich.table import Table

from components.run_outcome.explanation import notes_on_images
from components.run_outcome.summary import Metric, RunSummary
from components.run_outcome.verdict import Outcome
from models.data.features import AUGMENTED
from models.export.manifest import CARD_FILE
from models.library_environment import prepare_native_libraries
from pipeline.environment.output_folder import serving_address


@contextmanager
def quiet(log: Path) -> Iterator[Console]:
    """Sends everything that libraries print, from Python or C++, to ``log``; yields a console on the real terminal."""
    prepare_native_libraries()
    handler = logging.FileHandler(log, encoding="utf-8", errors="backslashreplace")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname).1s %(name)s: %(message)s"))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        with _into(log) as screen, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield Console(file=screen, highlight=False, emoji=False)
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        with suppress(OSError):  # the disk is full
            handler.close()


@contextmanager
def _into(log: Path) -> Iterator[TextIO]:
    """Points the descriptors of standard output and error at ``log``; yields the real standard output."""
    terminals = os.dup(1), os.dup(2)
    _flush()
    with (
        log.open("ab", buffering=0) as file,
        os.fdopen(terminals[0], "w", encoding="utf-8", errors="backslashreplace", closefd=False) as screen,
    ):
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        try:
            with redirect_stdout(_Log(sys.stdout, 1)), redirect_stderr(_Log(sys.stderr, 2)):
                yield screen
        finally:
            _flush()
            for number, descriptor in enumerate(terminals, start=1):
                os.dup2(descriptor, number)
    for descriptor in terminals:
        os.close(descriptor)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()


class _Log(io.TextIOBase):
    """A stream that writes to a descriptor at once; a disk that is full loses its lines, and fails nothing."""

    def __init__(self, stream: TextIO, descriptor: int) -> None:
        self._stream, self._descriptor = stream, descriptor

    def write(self, text: str) -> int:
        with suppress(OSError):
            os.write(self._descriptor, text.encode(errors="replace"))
        return len(text)

    def fileno(self) -> int:
        return self._descriptor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Stages:
    """Shows each stage of a run with its time, and progress lines from the logger ``siamese.progress``.

    Attributes:
      peak_memory_mb: of this process in each stage, where Linux reports it.
    """

    def __init__(self, console: Console) -> None:
        self._console, self._status = console, Status("", console=console)
        self._since: dict[str, float] = {}  # of the stages that run
        self._changing = Lock()
        self.peak_memory_mb: dict[str, float] = {}

    def start(self, name: str) -> None:
        """A stage begins, perhaps beside others."""
        with self._changing:
            self._since[name] = time.monotonic()
            _reset_peak_memory()
            self._show()

    def finish(self, name: str | None = None, failed: bool = False) -> None:
        """A stage has ended, or all that run have."""
        with self._changing:
            for one in [name] if name else list(self._since):
                self._status.stop()
                mark = "[red]✗[/]" if failed else "[green]✓[/]"
                self._console.print(f"{mark} {one:<18} {time.monotonic() - self._since.pop(one):6.1f} s")
                if peak := _peak_memory_mb():
                    self.peak_memory_mb[one] = peak
            self._show()

    def on_node(self, node: str, finished: bool) -> None:
        """Callback of the runner: a node starts, or has finished."""
        if finished:
            self.finish(node)
        else:
            self.start(node)

    def _show(self) -> None:
        if self._since:
            self._status.update(f"{', '.join(self._since)} ...")
            self._status.start()

    @contextmanager
    def progress(self) -> Iterator[None]:
        """Shows progress lines while it is entered."""
        logger, handler = logging.getLogger("siamese.progress"), _Lines(self._console)
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        try:
            yield
        finally:
            logger.removeHandler(handler)
            self.finish(failed=True)


class _Lines(logging.Handler):
    def __init__(self, console: Console) -> None:
        super().__init__(logging.INFO)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        self._console.print(f"    [dim]{escape(record.getMessage())}[/]", soft_wrap=True)


def _reset_peak_memory() -> None:
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak_memory_mb() -> float | None:
    try:
        found = re.search(r"^VmHWM:\s+(\d+)", Path("/proc/self/status").read_text(), re.MULTILINE)
    except OSError:
        return None
    return round(int(found[1]) / 1024, 1) if found else None


def show_summary(console: Console, summary: RunSummary, run_dir: Path, output: Path) -> None:
    """The end of a run: data, metrics beside the served model's, gates, verdict."""
    if summary.counts:
        console.print(_counts_line(summary), soft_wrap=True)
    for note in _notes(summary, output):
        console.print(f"[dim]{escape(note)}[/]", soft_wrap=True)
    if summary.metrics:
        console.print(_metrics_table(summary))
    show_outcome(console, summary.outcome, serving_address(summary.config.get("push", {}).get("serving_dir"), output))
    if summary.status == "pushed" and summary.error:
        console.print(f"[yellow]After the push: {escape(summary.error)}[/]", soft_wrap=True)
    if summary.alert:
        console.print(f"[yellow]{escape(summary.alert)}[/]", soft_wrap=True)
    if summary.counts.get("images", {}).get("quarantined"):
        listing = escape(str(output / "quarantine" / f"{summary.run_id}.csv"))
        console.print(f"[dim]{listing}: the files that were not used, with reasons[/]", soft_wrap=True)
    written = ("report.html", "summary.json", CARD_FILE, "log.txt", AUGMENTED)
    files = ", ".join(name for name in written if (run_dir / name).is_file())
    console.print(f"[dim]{escape(str(run_dir))}: {files}; {summary.seconds:.0f} s[/]", soft_wrap=True)


def _counts_line(summary: RunSummary) -> str:
    parts = []
    if images := summary.counts.get("images"):
        parts.append(f"{images['images']:,} images of {images['identities']:,} identities")
        parts.append(f"{images['quarantined']:,} quarantined")
    if pairs := summary.counts.get("pairs"):
        parts.append("pairs: " + " ".join(f"{name} {split['pairs']:,}" for name, split in pairs["splits"].items()))
    return "\n" + ", ".join(parts)


def _notes(summary: RunSummary, output: Path) -> Iterator[str]:
    """Peculiarities of images and pairs, and where to look; the tuned values; the threshold and what it reached."""
    yield from notes_on_images(summary.counts.get("images", {}))
    for split, counted in summary.counts.get("pairs", {}).get("splits", {}).items():
        yield from (f"{split}: {note}" for note in counted.get("notes", []))
    near = summary.counts.get("images", {}).get("near_duplicates", {})
    odd = ((near.get(f"across_{what}"), what) for what in ("identities", "splits"))
    if across := " and ".join(f"{number:,} across {what}" for number, what in odd if number):
        listing = output / "quarantine" / f"{summary.run_id}.near_duplicates.csv"
        yield f"{near['pairs']:,} pairs of images look the same, {across}: {listing}"
    images = summary.counts.get("images", {})
    if passed_over := images.get("passed_over"):
        kinds = ", ".join(f"{name} {count:,}" for name, count in passed_over.items())
        yield f"passed over among the images (data.skip): {kinds}"
    if images.get("linked"):
        yield f"{images['linked']:,} images are reached through links"
    if summary.tuned:
        yield "tuned: " + ", ".join(f"{name} {value:.4g}" for name, value in summary.tuned.items())
    if (report := summary.calibration) and summary.threshold is not None:
        value = "" if report.value is None else f" {report.value:g}"
        prior = "" if report.prior is None else f" at prior {report.prior:g}"
        names = ("accuracy", "precision", "precision_at_prior", "recall", "far")
        figures = ", ".join(f"{name} {report.validation[name]:.4f}" for name in names if name in report.validation)
        yield f"threshold {summary.threshold:.4f} for {report.objective}{value}{prior}; on validation: {figures}"


def _metrics_table(summary: RunSummary) -> Table:
    table = Table(title="test split, with 95% intervals", title_justify="left", box=None, padding=(0, 1, 0, 2))
    table.add_column("", no_wrap=True)
    for column in ("new model", *(("served", "gain") if summary.baseline_metrics else ())):
        table.add_column(column, justify="right", no_wrap=True)
    for name, metric in summary.metrics.items():
        if name != "tar_at_far":  # that of the first rate, which has a line of its own
            served, gain = summary.baseline_metrics.get(name), summary.gains.get(name)
            compared = [f"{served.value:.4f}" if served else "-", _with_interval(gain, "+")]
            table.add_row(name, _with_interval(metric), *(compared if summary.baseline_metrics else ()))
    return table


def _with_interval(metric: Metric | None, sign: str = "") -> str:
    if metric is None:
        return "-"
    value = f"{metric.value:{sign}.4f}"
    if metric.low is None or metric.high is None:
        return value
    return f"{value} [dim]{metric.low:{sign}.3f}..{metric.high:{sign}.3f}[/]"


_STYLES = {"pushed": "green", "skipped": "green", "running": "yellow"}  # the others are red


def show_outcome(console: Console, outcome: Outcome, serving: str = "") -> None:
    """The gates, one line each, and the verdict; ``serving`` is the address of the serving folder, if it is known."""
    if outcome.gates:
        table = Table(title="gates", title_justify="left", box=None, padding=(0, 1, 0, 2), show_header=False)
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for gate in outcome.gates:
            table.add_row(gate.name, "[green]passed[/]" if gate.passed else "[red]refused[/]", escape(gate.reason))
        console.print(table)
    label, text = outcome.line(serving)
    console.print(f"\n[bold {_STYLES.get(outcome.status, 'red')}]{label}[/] {escape(text)}", soft_wrap=True)
