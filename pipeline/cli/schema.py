"""``siamese schema``: a first schema of the images, for a person to review."""

import time
import traceback
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from components.run_outcome.verdict import cause_of
from models.data.features import SPLITS
from models.errors import ExitCode, UserError
from pipeline.config import Config
from pipeline.environment.output_folder import alone, writable
from pipeline.runners.local.run import data_fingerprint, images_of, load_environment
from pipeline.terminal.stages import Stages, quiet

if TYPE_CHECKING:
    from pipeline.environment.run_environment import RunEnvironment

LOG = "schema.log"  # under the output folder

_HEAD = """\
# What the images of "{name}" are like: written by `siamese schema` on {day}, from {images:,} images of {identities:,}
# identities. Review it, commit it, and name it in the configuration: data: {{schema_file: {file}}}.
# A run stops when an image lies outside of these bounds, and says so in a sentence. Ranges of sizes are twice as wide
# as what was seen, those of brightness and contrast (0 to 1) wider by 0.1; formats are those seen.
# drift_comparator: how far the images of a span may lie from those of the one before; skew_comparator: val and test
# from train (0: the same, 1: nothing in common).
"""


def write_schema(config: Config, output: Path, file: Path, force: bool) -> int:
    """Ingests the images under ``output``, as a run would and for later runs to reuse, and writes their schema.

    Returns:
      The exit code: 0, or 1 where something failed that is not the user's to mend.

    Raises:
      UserError: the images cannot be ingested, or the file is there already or cannot be written.
    """
    if file.exists() and not force:
        raise UserError(f"--file {file}: is there already; --force writes it anew, without what was reviewed")
    output = writable(output)
    with alone(output):
        data_root = images_of(config, output)
        data_digest = data_fingerprint(config, data_root)
        with quiet(output / LOG) as console:
            stages = Stages(console)
            try:
                with stages.progress():
                    environment = load_environment(
                        config, output, data_root, data_digest, f"schema-{time.time_ns()}", stages
                    )
                    _make(config, environment, file, console, stages)
            except Exception as error:  # noqa: BLE001 - whatever was raised, one line tells it
                traceback.print_exception(error)  # into the log
                if mine := cause_of(error, UserError):
                    raise UserError(str(mine), mine.code) from None
                console.print(f"[bold red]error:[/] {escape(str(error)[:500])}  [dim]{escape(str(output / LOG))}[/]")
                return ExitCode.FAILED
    return 0


def _make(config: Config, environment: "RunEnvironment", file: Path, console: Console, stages: Stages) -> None:
    from tensorflow_metadata.proto.v0 import statistics_pb2
    from tfx.components.statistics_gen.executor import DEFAULT_FILE_NAME
    from tfx.types import artifact_utils, standard_artifacts

    from components.schema_source.image_schema import as_text, image_schema
    from components.schema_source.observed import with_observed
    from pipeline.graph import create_data_pipeline
    from pipeline.runners.local import runner
    from pipeline.runs.record import StoredRun

    runner.run(config, environment, stages.on_node, create_data_pipeline)
    record = StoredRun(environment.metadata, environment.run_id)
    counts = record.counts()["images"]
    artifact = standard_artifacts.ExampleStatistics()
    artifact.uri, artifact.split_names = record.statistics()
    folders = [Path(artifact_utils.get_split_uri([artifact], split)) for split in SPLITS]
    read = statistics_pb2.DatasetFeatureStatisticsList.FromString
    limits = config.data.validation
    schema = with_observed(
        image_schema(config.image, limits.drift, limits.skew),
        [read((folder / DEFAULT_FILE_NAME).read_bytes()) for folder in folders],
    )
    facts = {"name": config.name, "file": file.name, "images": counts["images"], "identities": counts["identities"]}
    try:
        file.write_text(_HEAD.format(day=date.today(), **facts) + as_text(schema), encoding="utf-8")  # noqa: DTZ011
    except OSError as error:
        raise UserError(f"--file {file}: cannot be written: {error.strerror}") from None
    console.print(
        f"\nSchema of {counts['images']:,} images: {escape(str(file))}. Review it, then set data.schema_file."
    )
