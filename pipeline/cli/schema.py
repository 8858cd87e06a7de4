"""``siamese schema``: a first schema of the images, for a person to review."""

import time
import traceback
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from models.errors import ExitCode, UserError, disk_fault
from models.user_files import replacing
from pipeline.cli.app import TRAINING, ConfigFile, Data, Output, Overrides, app

if TYPE_CHECKING:
    from pipeline.config import Config
    from pipeline.environment.run_environment import RunEnvironment
    from pipeline.terminal import Stages

LOG = "schema.log"  # under the output folder

_HEAD = """\
# Schema of the images of "{name}", made by `siamese schema` on {day} from {images:,} images of {identities:,}
# identities. Review it, commit it, and name it in the configuration: data: {{schema_file: {file}}}.
# An image outside of these bounds stops a run, with a message. Ranges of sizes are twice as wide as observed, those of
# brightness and contrast (0 to 1) wider by 0.1; formats are those observed.
# drift_comparator: largest distance of the images of a span from those of the span before; skew_comparator: of val and
# test from train (0: the same, 1: nothing in common).
"""


@app.command(rich_help_panel=TRAINING)
def schema(
    file: Annotated[Path, typer.Option(help="File to write, e.g. faces.pbtxt.")],
    config: ConfigFile = None,
    data: Data = None,
    output: Output = Path("output"),
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    overrides: Overrides = None,
) -> NoReturn:
    """Write a first schema of the images, to review and to name in data.schema_file."""
    from pipeline.config import load_config

    raise typer.Exit(_write_schema(load_config(config, overrides or (), data), output, file, force))


def _write_schema(config: "Config", output: Path, file: Path, force: bool) -> int:
    """Ingests the images under ``output``, as a run does and for runs to reuse, and writes their schema.

    Returns:
      The exit code: 0, or 1 for a failure that is not the user's.

    Raises:
      UserError: the images cannot be ingested, or the file exists or cannot be written.
    """
    from components.run_outcome.verdict import DISK_CODE, cause_of, one_line
    from components.storage.digests import Digests
    from models.addresses import is_plain
    from pipeline.config.configuration import with_absolute_paths
    from pipeline.environment.leftovers import temporary_folder
    from pipeline.environment.output_folder import (
        DIGESTS,
        check_metadata,
        locked,
        mark,
        plain_name,
        writable,
        written_metadata,
    )
    from pipeline.runners.beam.checks import check_runner
    from pipeline.runners.local.images import data_fingerprint, images_of
    from pipeline.runners.local.run import load_environment
    from pipeline.terminal import Stages, quiet

    if file.exists() and not force:
        raise UserError(f"--file {file}: exists; --force replaces it and what was reviewed", code="config-file-exists")
    output = writable(output)
    if not is_plain(output):
        config = with_absolute_paths(config)  # the working folder will be another one
    with locked(output), temporary_folder(output):
        mark(output, config.data.source)
        check_runner(config.beam, str(output))
        data_root = images_of(config, output)
        data_digest = data_fingerprint(config, data_root, Digests(output / DIGESTS))
        with quiet(output / LOG) as console:
            stages = Stages(console)
            try:
                with stages.progress():
                    run_id = f"schema-{time.time_ns()}"
                    check_metadata(output)
                    with written_metadata(output), plain_name(output) as plain:
                        environment = load_environment(config, plain, data_root, data_digest, run_id, stages)
                        _ingest(config, environment, stages)
                    _make(config, run_id, output, file, console)
            except Exception as error:  # noqa: BLE001 - any failure is one line
                traceback.print_exception(error)  # into the log
                if mine := cause_of(error, UserError):
                    raise UserError(str(mine), mine.code) from None
                if fault := disk_fault(error):
                    raise UserError(fault, DISK_CODE) from None
                console.print(f"[bold red]error:[/] {escape(one_line(error))}  [dim]{escape(str(output / LOG))}[/]")
                return ExitCode.FAILED
    return 0


def _ingest(config: "Config", environment: "RunEnvironment", stages: "Stages") -> None:
    from pipeline.graph import create_data_pipeline
    from pipeline.runners.local import runner

    runner.run(config, environment, stages.on_node, create_data_pipeline)


def _make(config: "Config", run_id: str, output: Path, file: Path, console: Console) -> None:
    from tensorflow_metadata.proto.v0 import statistics_pb2
    from tfx.components.statistics_gen.executor import DEFAULT_FILE_NAME
    from tfx.types import artifact_utils, standard_artifacts

    from components.schema_source.image_schema import as_text, image_schema, with_observed
    from models.data.features import SPLITS
    from pipeline.environment.output_folder import METADATA
    from pipeline.runs.metadata import nodes_of, record_of

    record = record_of(nodes_of(output / METADATA, run_id))
    counts = record.counts()["images"]
    artifact = standard_artifacts.ExampleStatistics()
    artifact.uri, artifact.split_names = record.statistics()
    folders = [Path(artifact_utils.get_split_uri([artifact], split)) for split in SPLITS]
    read = statistics_pb2.DatasetFeatureStatisticsList.FromString
    limits = config.data.validation
    made = with_observed(
        image_schema(config.image, limits.drift, limits.skew),
        [read((folder / DEFAULT_FILE_NAME).read_bytes()) for folder in folders],
    )
    facts = {"name": config.name, "file": file.name, "images": counts["images"], "identities": counts["identities"]}
    try:
        with replacing(file) as staging:
            staging.write_text(_HEAD.format(day=date.today(), **facts) + as_text(made), encoding="utf-8")  # noqa: DTZ011
    except OSError as error:
        raise UserError(f"--file {file}: cannot be written: {error.strerror}", code="config-not-writable") from None
    console.print(
        f"\nSchema of {counts['images']:,} images: {escape(str(file))}. Review it, then set data.schema_file."
    )
