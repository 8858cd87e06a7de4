"""The ``siamese`` command. Heavy libraries are imported by the commands that need them, never here."""

import json
import math
import sys
import warnings
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from models.errors import UserError
from pipeline.runners.kubeflow.commands import app as kubeflow

app = typer.Typer(
    help="Siamese models from folders of images: train, gate, push, compare.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.add_typer(kubeflow, name="kubeflow")
runs_app = typer.Typer(invoke_without_command=True)
app.add_typer(runs_app, name="runs")

Model = Annotated[Path, typer.Option("--model", help="A pushed version, or the serving folder (its newest version).")]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable, on standard output.")]
ServingDir = Annotated[
    str | None,
    typer.Option("--serving-dir", help="A serving folder, or a gs:// or s3:// address; default: the runs' own."),
]
Output = Annotated[Path, typer.Option("--output", help="Where runs write.")]


def main() -> None:
    """Entry point: a user's error is one clear line and exit code 2."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # those of libraries, to people who cannot mend them
    try:
        app()
    except UserError as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"[bold red]error:[/] {escape(str(error))}")
        sys.exit(2)


@app.callback(invoke_without_command=True)
def _root(show_version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if show_version:
        print(f"siamese {version('siamese-pipeline')}")
        raise typer.Exit


@app.command()
def run(
    config: Annotated[
        Path | None,
        typer.Option(
            help="A YAML file; default: scikit-learn's digits, or with --data 32x32 grey images, split by identity."
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            help="A folder or archive of <identity>/<image>, or a manifest (.csv, .jsonl); {SPAN} in it: the newest."
        ),
    ] = None,
    output: Output = Path("output"),
    overrides: Annotated[list[str] | None, typer.Option("--set", metavar="A.B=VALUE", help="Change one key.")] = None,
    beam: Annotated[
        list[str] | None,
        typer.Option(metavar="OPTIONS", help='Of Beam, e.g. --beam "--runner=FlinkRunner --parallelism=8".'),
    ] = None,
) -> NoReturn:
    """Train, gate and push a model.

    Exit code 0: pushed, or this very model already serves. 3: refused by a gate. 2: the input is wrong. 1: failed.
    """
    from pipeline.config import load_config
    from pipeline.run import run as run_pipeline

    raise typer.Exit(run_pipeline(load_config(config, overrides or (), data, beam or ()), output))


@app.command()
def join(
    output: Annotated[Path, typer.Option("--output", help="That of the first host's run, under the same path.")],
) -> NoReturn:
    """Take part in the training of a run that the first of several hosts has begun, or will begin.

    TF_CONFIG, as TensorFlow has it, names all hosts, and in its task this one; the first one calls siamese run.

    Exit code 0: the run needs this host no more. 2: the input is wrong, here or there. 1: the training failed.
    """
    from pipeline.other_hosts import join as join_run
    from pipeline.run import writable

    raise typer.Exit(join_run(writable(output)))


@app.command()
def schema(
    file: Annotated[Path, typer.Option(help="Where the schema is written, e.g. faces.pbtxt.")],
    config: Annotated[Path | None, typer.Option(help="A YAML file, as of run.")] = None,
    data: Annotated[str | None, typer.Option(help="Images, as of run.")] = None,
    output: Output = Path("output"),
    force: Annotated[bool, typer.Option("--force", help="Replace a schema that is there.")] = False,
    overrides: Annotated[list[str] | None, typer.Option("--set", metavar="A.B=VALUE", help="Change one key.")] = None,
) -> NoReturn:
    """Write a first schema of the images, for you to review: what data.schema_file then holds them to."""
    from pipeline.config import load_config
    from pipeline.schema_command import write_schema

    raise typer.Exit(write_schema(load_config(config, overrides or (), data), output, file, force))


@app.command("config")
def show_configuration(
    section: Annotated[str | None, typer.Argument(help="One alone, e.g. training, data.split or loss.margin.")] = None,
    config: Annotated[Path | None, typer.Option(help="A YAML file, as of run.")] = None,
    data: Annotated[str | None, typer.Option(help="Images, as of run.")] = None,
    overrides: Annotated[list[str] | None, typer.Option("--set", metavar="A.B=VALUE", help="Change one key.")] = None,
    as_yaml: Annotated[bool, typer.Option("--yaml", help="A file that --config takes.")] = False,
) -> None:
    """Tell every key with its value, its default and what it means. Nothing runs."""
    from pipeline.config_command import config_yaml, show_config
    from pipeline.given import read_given

    given = read_given(config, overrides or (), data)
    if as_yaml:
        print(config_yaml(given, section), end="")
    else:
        show_config(Console(highlight=False), given, section)


@app.command()
def compare(
    image_a: Path,
    image_b: Path,
    model: Annotated[str, typer.Option(help="A pushed version, a serving folder, or a server, as http://host:port.")],
    as_json: AsJson = False,
) -> None:
    """Do two images show the same identity? Distance, score and verdict of a pushed model."""
    from models.inference import read_image

    if model.startswith(("http://", "https://")):
        from pipeline.server.client import compare_at

        answer = compare_at(model, image_a, image_b)
    else:
        for path in (image_a, image_b):
            read_image(path)  # before the seconds that a model takes to load
        answer = _loaded(Path(model)).compare(image_a, image_b)
    threshold = None if math.isnan(answer.threshold) else answer.threshold  # TensorFlow Serving does not tell it
    if as_json:
        print(json.dumps({**answer._asdict(), "threshold": threshold}))
        return
    verdict = "[bold green]the same[/]" if answer.same else "[bold red]different[/]"
    below = "" if threshold is None else f" (same below {threshold:.4f})"
    Console(highlight=False).print(
        f"{verdict}   score {answer.score:.4f} (same above 0.5), distance {answer.distance:.4f}{below}"
    )


@app.command()
def evaluate(
    model: Model,
    pairs: Annotated[
        Path, typer.Option(help="CSV image_a,image_b,same (1 or 0), lines of 'a b 1', or LFW's pairs.txt.")
    ],
    root: Annotated[
        Path | None, typer.Option(help="What the paths are relative to; default: the CSV's folder.")
    ] = None,
    scores: Annotated[Path | None, typer.Option(help="Write every pair's distance and score to this CSV.")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure a pushed model on pairs of your own, at its stored threshold."""
    from components.model_gate.settings import MeasureSettings
    from models.measures import verification_measures
    from pipeline.protocol import read_protocol, score_pairs, write_scores

    protocol = read_protocol(pairs, root or pairs.parent)
    loaded = _loaded(model)
    distance, score = score_pairs(loaded, protocol)
    usual = MeasureSettings()
    measures = verification_measures(
        protocol.same, distance, loaded.manifest.threshold, score, fars=usual.fars, genuine_prior=usual.genuine_prior
    )
    if scores:
        write_scores(scores, protocol, distance, score)
    if as_json:
        # JSON has no NaN: a measure without a meaning is null.
        told = {name: None if math.isnan(value) else value for name, value in measures.items()}
        print(json.dumps({"pairs": len(distance), "threshold": loaded.manifest.threshold, "metrics": told}))
        return
    table = Table(title=f"{len(distance):,} pairs at threshold {loaded.manifest.threshold:.4f}", box=None)
    table.add_column("", justify="left")
    table.add_column("", justify="right")
    for name, value in measures.items():
        table.add_row(name, f"{value:.4f}")
    Console(highlight=False).print(table)


@app.command()
def embed(
    model: Model,
    images: Annotated[Path, typer.Option(help="A folder; every image below it is embedded.")],
    output: Annotated[Path, typer.Option(help="An .npz file: embeddings float32 [n, d] and paths [n].")],
) -> None:
    """Turn a folder of images into embeddings."""
    from pipeline.embedding import embed_folder

    done, unreadable = embed_folder(_resolved(model), images, output)
    for path, reason in unreadable:
        print(f"skipped {path}: {reason}", file=sys.stderr)
    print(f"{output}: {done:,} embeddings" + (f", {len(unreadable):,} images skipped" if unreadable else ""))


@app.command()
def rollback(
    output: Output = Path("output"),
    to: Annotated[
        int | None, typer.Option(help="A version; default: what served before, as the history tells.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why, for the history.")] = "",
    by: Annotated[str | None, typer.Option(help="Who, for the history; default: user@host.")] = None,
    serving_dir: ServingDir = None,
    as_json: AsJson = False,
) -> None:
    """Let an earlier model serve again: its bytes, under a new version. Not while a run is at work."""
    from pipeline.rollback import roll_back

    done = roll_back(output, serving_dir, to, reason, by)
    if as_json:
        print(json.dumps(asdict(done)))
        return
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"[bold green]Rolled back[/]: version {done.version} serves, the model of version {done.restored}; "
        f"it replaced {done.replaced}\n{escape(done.address)}"
    )
    console.print(f"[dim]No run pushes the model of version {done.replaced} again until you roll back to it.[/]")


@app.command()
def serve(
    model: Annotated[Path, typer.Option(help="A serving folder, whose new versions are followed, or one SavedModel.")],
    host: Annotated[str, typer.Option(help="The address to listen at; 0.0.0.0 for every one.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one.")] = 8501,
    name: Annotated[str, typer.Option(help="The model's name in /v1/models/NAME.")] = "siamese",
    labels: Annotated[
        list[str] | None, typer.Option("--label", metavar="LABEL=VERSION", help="Keeps a version loaded under a name.")
    ] = None,
    max_batch: Annotated[int, typer.Option(min=1, help="Instances in one call of the model.")] = 32,
    max_body: Annotated[int | None, typer.Option(min=1, help="Bytes of a request.")] = None,
    max_pixels: Annotated[int | None, typer.Option(min=1, help="Of one image.")] = None,
    poll: Annotated[float, typer.Option(min=0.05, help="Seconds between two looks for new versions.")] = 1.0,
) -> None:
    """Serve a pushed model over TensorFlow Serving's REST, with a page to compare two images by hand."""
    from pipeline.server.limits import limits_of
    from pipeline.server.process import serve_model
    from pipeline.server.versions import parse_labels

    limits = limits_of(max_batch=max_batch, max_body=max_body, max_pixels=max_pixels)
    serve_model(model, host, port, name, parse_labels(labels or ()), limits, poll)


# KServe's controller appends options of its own, others with each version.
@app.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
def transform(
    predictor: Annotated[
        str, typer.Option("--predictor", "--predictor_host", help="HOST:PORT or URL of TensorFlow Serving.")
    ],
    host: Annotated[str, typer.Option(help="The address to listen at; 0.0.0.0 for every one.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", "--http_port", min=0, max=65535)] = 8080,
    name: Annotated[str, typer.Option("--name", "--model_name", help="The model's name.")] = "siamese",
    max_body: Annotated[int | None, typer.Option(min=1, help="Bytes of a request.")] = None,
    max_pixels: Annotated[int | None, typer.Option(min=1, help="Of one image.")] = None,
) -> None:
    """Stand in front of TensorFlow Serving: every image that ingest takes, made one that TensorFlow can decode."""
    from pipeline.server.limits import limits_of
    from pipeline.server.process import serve_transformer

    serve_transformer(predictor, host, port, name, limits_of(max_body=max_body, max_pixels=max_pixels))


@runs_app.callback()
def runs(
    context: typer.Context,
    output: Output = Path("output"),
    history: Annotated[bool, typer.Option("--history", help="All of who replaced what and why, no runs.")] = False,
    serving_dir: ServingDir = None,
    as_json: AsJson = False,
) -> None:
    """List the runs under an output folder, what they reached, and who replaced what and why in serving."""
    if context.invoked_subcommand:
        return
    from components.run_report.summary import read_summaries
    from pipeline.runs_table import show_runs

    if not output.is_dir() and not (history and serving_dir):
        raise UserError(f"--output {output}: there is no such folder; nothing has run there")
    if history:
        _show_history(output, serving_dir, as_json)
        return
    summaries = read_summaries(output)
    if as_json:
        print(json.dumps([summary.model_dump(mode="json") for summary in summaries]))
        return
    console = Console(highlight=False)
    show_runs(console, summaries, output)
    try:
        _show_history(output, serving_dir, as_json=False, last=10)
    except UserError as error:  # the runs are told all the same
        console.print(escape(str(error)), soft_wrap=True)


@app.command()
def report(
    run: Annotated[str, typer.Argument(help="Its id; with a second one: A, which that is compared with.")] = "latest",
    other: Annotated[str | None, typer.Argument(metavar="[B]", help="A run to be compared with it.")] = None,
    output: Output = Path("output"),
    to: Annotated[Path | None, typer.Option(help="The file; default: report.html in the run's folder.")] = None,
    show: Annotated[bool, typer.Option("--open", help="Open it in a browser.")] = False,
) -> None:
    """Draw the report of a run anew, or one that compares two runs: verdict, curves, the pairs that they get wrong."""
    from pipeline.report import draw, draw_comparison

    try:
        path = draw_comparison(output, run, other, to) if other else draw(output, run, to)
    except OSError as error:
        raise UserError(f"{error.filename}: cannot be written: {error.strerror}") from None
    print(path)
    if show:
        import webbrowser

        webbrowser.open(path.absolute().as_uri())


@runs_app.command("show")
def show_run(
    run: Annotated[str | None, typer.Argument(help="Its id; default: the run whose model serves.")] = None,
    output: Output = Path("output"),
    serving_dir: ServingDir = None,
    as_json: AsJson = False,
) -> None:
    """Tell which images, code, configuration and baseline made a run's model, or the one that now serves."""
    from components.pusher.serving_folder import history
    from components.run_report.summary import read_summaries
    from pipeline.lineage import read_lineage
    from pipeline.lineage_view import show_lineage
    from pipeline.run import METADATA
    from pipeline.serving_address import serving_address, serving_address_of_runs

    address = serving_address(serving_dir, output) if serving_dir else serving_address_of_runs(output)
    arrival = history(address).origin()
    if run is None and (arrival is None or arrival.run_id is None):
        told = f"version {arrival.version} came from no run that is known" if arrival else "nothing serves"
        raise UserError(f"{address}: {told}; name a run of {output}: siamese runs lists them")
    asked = run or str(arrival.run_id if arrival else "")
    lineage = read_lineage(output / METADATA, asked)
    if as_json:
        print(lineage.model_dump_json())
        return
    summary = next((one for one in read_summaries(output) if one.run_id == asked), None)
    serves = history(address).serving if arrival and arrival.run_id == asked else None
    show_lineage(Console(highlight=False), lineage, summary, serves)


def _show_history(output: Path, serving_dir: str | None, as_json: bool, last: int | None = None) -> None:
    from components.pusher.serving_folder import history
    from pipeline.serving_address import serving_address, serving_address_of_runs
    from pipeline.trail import show_trail, trail_as_json

    address = serving_address(serving_dir, output) if serving_dir else serving_address_of_runs(output)
    trail = history(address)
    if as_json:
        print(json.dumps(trail_as_json(address, trail)))
    elif trail.events or last is None:
        console = Console(highlight=False)
        if last:
            console.print()
        show_trail(console, address, trail, last)


def _resolved(model: Path) -> Path:
    """A model folder as given, or the newest version of a serving folder; from an object store, a copy of it."""
    from components.pusher.serving_folder import served
    from pipeline.fetched_model import fetched, store_address

    if address := store_address(model):
        return fetched(address)
    if (model / "saved_model.pb").is_file():
        return model
    newest = served(model) if model.is_dir() else None
    if newest is None:
        raise UserError(f"--model {model}: neither a SavedModel nor a folder of versions of one")
    return newest


def _loaded(model: Path) -> Any:
    from models.inference import LoadedModel

    return LoadedModel(_resolved(model))
