"""The report of a run under an output folder, made from its summary, the metadata store and the artifacts."""

from pathlib import Path

from components.run_outcome.summary import FILE, RunSummary, read_summaries
from components.run_record.files import RunFiles
from components.run_record.lineage import Lineage, lineage_lines
from components.run_report.comparison_page import render_comparison
from components.run_report.content import Content, load_content
from components.run_report.page import FILE as PAGE
from components.run_report.page import updated, write_report, write_text
from models.errors import UserError
from pipeline.environment.output_folder import METADATA
from pipeline.runs.metadata import artifacts_of, nodes_of, read_lineage


def write_page(output: Path, run_id: str) -> Path:
    """Writes the report into the folder of a run that has just ended; returns its path.

    It is the page of the RunReport component, with the runner's additions: times, memory, reused results. If the run
    ended before that component, the page is rendered here.
    """
    run_dir, summary = _run(output, run_id)
    node = nodes_of(output / METADATA, run_id).get("RunReport")
    report = node.artifact("report") if node else None
    if report is None or not (page := Path(report.uri) / PAGE).is_file():
        return draw(output, run_id)
    text = updated(page.read_text(encoding="utf-8"), summary, _lines(_lineage(output, summary), summary))
    return write_text(text, run_dir / PAGE)


def draw(output: Path, run_id: str, to: Path | None = None) -> Path:
    """Renders the report of a run again; returns its path.

    Args:
      output: the folder of all runs.
      run_id: of the run, or "latest".
      to: the file; default: in the run's folder.

    Raises:
      UserError: there is no such run.
    """
    return write_report(read_content(output, run_id), to or _run(output, run_id)[0] / PAGE)


def draw_comparison(output: Path, a: str, b: str, to: Path | None) -> Path:
    """Renders the comparison of run B with run A; returns its path.

    Raises:
      UserError: there is no such run.
    """
    content_a, content_b = read_content(output, a), read_content(output, b)
    name = f"compared_with_{content_a.summary.run_id}.html"
    return write_text(render_comparison(content_a, content_b), to or _run(output, b)[0] / name)


def read_content(output: Path, run_id: str) -> Content:
    """Everything under an output folder about one run ("latest": the newest), without what is damaged or missing.

    Raises:
      UserError: there is no such run.
    """
    _, summary = _run(output, run_id)
    quarantine = output / "quarantine" / f"{summary.run_id}.csv"
    files = RunFiles(artifacts_of(nodes_of(output / METADATA, summary.run_id)))
    lineage = _lineage(output, summary)
    images = lineage.step("ImageExampleGen") if lineage else None
    # A run that failed before the ingest has no lineage: use its configuration.
    root = images.parameters.get("data_root") if images else summary.config.get("data", {}).get("source")
    return load_content(files, summary, _lines(lineage, summary), quarantine, root)


def _run(output: Path, run_id: str) -> tuple[Path, RunSummary]:
    """The folder of a run ("latest": the newest), and its summary.

    Raises:
      UserError: there is no such run, or its summary is damaged.
    """
    run_dir = (output / "runs" / run_id).resolve()
    path = run_dir / FILE
    if not path.is_file():
        message = f"{output / 'runs' / run_id}: no such run; list them with `siamese runs --output {output}`"
        raise UserError(message, "config-unknown-run")
    try:
        summary = RunSummary.model_validate_json(path.read_text(encoding="utf-8"))
    except ValueError as error:
        message = f"{path}: cannot be read as a summary: {str(error).splitlines()[0]}"
        raise UserError(message, "config-damaged-summary") from None
    if summary.status == "running":  # or it was killed
        summary = next((one for one in read_summaries(output) if one.run_id == summary.run_id), summary)
    return run_dir, summary


def _lineage(output: Path, summary: RunSummary) -> Lineage | None:
    try:
        return read_lineage(output / METADATA, summary.run_id)
    except UserError:  # no node ran
        return None


def _lines(lineage: Lineage | None, summary: RunSummary) -> list[tuple[str, str]]:
    return lineage_lines(lineage, summary) if lineage else []
