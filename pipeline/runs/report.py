"""The page of a run under an output folder: read from its summary, the metadata store and the artifacts."""

from pathlib import Path

from ml_metadata import metadata_store

from components.run_outcome.summary import FILE, RunSummary
from components.run_record.files import RunFiles
from components.run_record.lineage import Lineage, lineage_lines
from components.run_report.comparison.page import render_comparison
from components.run_report.content import Content
from components.run_report.loader import content_of
from components.run_report.page import FILE as PAGE
from components.run_report.page import updated, write_report, write_text
from models.errors import UserError
from pipeline.environment.output_folder import METADATA
from pipeline.runs.lineage import read_lineage
from pipeline.runs.metadata import Node, given_by, nodes_of, read_only


def run_folder(output: Path, run_id: str) -> Path:
    """Where a run's summary lies.

    Args:
      output: the folder of all runs.
      run_id: of the run, or "latest".

    Raises:
      UserError: there is no such run.
    """
    run_dir = (output / "runs" / run_id).resolve()
    if not (run_dir / FILE).is_file():
        raise UserError(f"{output / 'runs' / run_id}: no such run; siamese runs --output {output} lists them")
    return run_dir


def write_page(output: Path, run_id: str) -> Path:
    """Puts the page into the folder of a run that has just ended; returns its path.

    It is the one that the graph drew, with what only the runner knows: times, memory, what was reused. A run that did
    not come so far is drawn here.
    """
    run_dir = run_folder(output, run_id)
    summary = _summary(run_dir / FILE)
    node = _nodes(output, run_id).get("RunReport")
    drawn = node.artifact("report") if node and node.finished else None
    if drawn is None or not (page := Path(drawn.uri) / PAGE).is_file():
        return write_report(read_content(output, run_id), run_dir / PAGE)
    text = updated(page.read_text(encoding="utf-8"), summary, _lines(_lineage(output, summary), summary))
    return write_text(text, run_dir / PAGE)


def draw(output: Path, run_id: str, to: Path | None) -> Path:
    """Draws the page of a run anew; returns where it lies.

    Args:
      output: the folder of all runs.
      run_id: of the run, or "latest".
      to: the file; default: in the run's folder.

    Raises:
      UserError: there is no such run.
    """
    return write_report(read_content(output, run_id), to or run_folder(output, run_id) / PAGE)


def draw_comparison(output: Path, a: str, b: str, to: Path | None) -> Path:
    """Draws the page on which run B is compared with run A; returns where it lies.

    Raises:
      UserError: there is no such run.
    """
    theirs, ours = read_content(output, a), read_content(output, b)
    name = f"compared_with_{theirs.summary.run_id}.html"
    return write_text(render_comparison(theirs, ours), to or run_folder(output, b) / name)


def read_content(output: Path, run_id: str) -> Content:
    """Everything under an output folder about one run; what is damaged or gone is left out.

    Args:
      output: the folder.
      run_id: of the run, or "latest".

    Raises:
      UserError: there is no such run.
    """
    summary = _summary(run_folder(output, run_id) / FILE)
    quarantine = output / "quarantine" / f"{summary.run_id}.csv"
    files, lineage = RunFiles(given_by(_nodes(output, summary.run_id))), _lineage(output, summary)
    images = lineage.step("ImageExampleGen") if lineage else None
    # Where it failed before the images were ingested, the configuration alone tells.
    root = images.parameters.get("data_root") if images else summary.config.get("data", {}).get("source")
    return content_of(files, summary, _lines(lineage, summary), quarantine, root)


def _nodes(output: Path, run_id: str) -> dict[str, Node]:
    metadata = output / METADATA
    return nodes_of(metadata_store.MetadataStore(read_only(metadata)), run_id) if metadata.is_file() else {}


def _summary(path: Path) -> RunSummary:
    try:
        return RunSummary.model_validate_json(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: not readable as a summary: {str(error).splitlines()[0]}") from None


def _lineage(output: Path, summary: RunSummary) -> Lineage | None:
    try:
        return read_lineage(output / METADATA, summary.run_id)
    except UserError:  # it came to no node
        return None


def _lines(lineage: Lineage | None, summary: RunSummary) -> list[tuple[str, str]]:
    return lineage_lines(lineage, summary) if lineage else []
