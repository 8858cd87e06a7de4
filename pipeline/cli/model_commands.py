"""``siamese compare``, ``evaluate``, ``embed``, ``serve``, ``transform``: what is done with a pushed model.

Heavy libraries are imported by the commands that need them, never here.
"""

import json
import math
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from models.errors import UserError
from pipeline.cli.options import AsJson

app = typer.Typer()

Model = Annotated[Path, typer.Option("--model", help="A pushed version, or the serving folder (its newest version).")]


@app.command()
def compare(
    image_a: Path,
    image_b: Path,
    model: Annotated[str, typer.Option(help="A pushed version, a serving folder, or a server, as http://host:port.")],
    as_json: AsJson = False,
) -> None:
    """Do two images show the same identity? Distance, score and verdict of a pushed model."""
    from models.export.inference import read_image

    if model.startswith(("http://", "https://")):
        from pipeline.serving.client import compare_at

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
    from models.verification.metrics import verification_metrics
    from pipeline.serving.pair_evaluation import read_protocol, score_pairs, write_scores

    protocol = read_protocol(pairs, root or pairs.parent)
    loaded = _loaded(model)
    distance, score = score_pairs(loaded, protocol)
    usual = MeasureSettings()
    measures = verification_metrics(
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
    from pipeline.serving.embedding import embed_folder

    done, unreadable = embed_folder(resolved(model), images, output)
    for path, reason in unreadable:
        print(f"skipped {path}: {reason}", file=sys.stderr)
    print(f"{output}: {done:,} embeddings" + (f", {len(unreadable):,} images skipped" if unreadable else ""))


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
    from pipeline.serving.server.limits import limits_of
    from pipeline.serving.server.process import serve_model
    from pipeline.serving.server.versions import parse_labels

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
    from pipeline.serving.server.limits import limits_of
    from pipeline.serving.server.process import serve_transformer

    serve_transformer(predictor, host, port, name, limits_of(max_body=max_body, max_pixels=max_pixels))


def resolved(model: Path) -> Path:
    """A model folder as given, or the newest version of a serving folder; from an object store, a copy of it."""
    from components.serving_folder.serving_folder import served
    from pipeline.serving.fetched_model import fetched, store_address

    if address := store_address(model):
        return fetched(address)
    if (model / "saved_model.pb").is_file():
        return model
    newest = served(model) if model.is_dir() else None
    if newest is None:
        raise UserError(f"--model {model}: neither a SavedModel nor a folder of versions of one")
    return newest


def _loaded(model: Path) -> Any:
    from models.export.inference import LoadedModel

    return LoadedModel(resolved(model))
