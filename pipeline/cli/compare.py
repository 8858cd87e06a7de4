"""``siamese compare``: two images, by a pushed model or by a server."""

import json
import math
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from pipeline.cli.app import MODELS, AsJson, app


@app.command(rich_help_panel=MODELS)
def compare(
    image_a: Path,
    image_b: Path,
    model: Annotated[str, typer.Option(help="A pushed version, a serving folder, or a server, as http://host:port.")],
    as_json: AsJson = False,
) -> None:
    """Compare two images: distance, score, and whether they show the same identity."""
    from models.export.inference import LoadedModel, read_image

    if model.startswith(("http://", "https://")):
        from pipeline.serving.client import compare_at

        answer = compare_at(model, image_a, image_b)
    else:
        from pipeline.serving.offline import model_folder

        for path in (image_a, image_b):
            read_image(path)  # before the seconds that a model takes to load
        answer = LoadedModel(model_folder(model)).compare(image_a, image_b)
    threshold = None if math.isnan(answer.threshold) else answer.threshold  # unknown behind TensorFlow Serving
    if as_json:
        print(json.dumps({**answer._asdict(), "threshold": threshold}))
        return
    verdict = "[bold green]the same[/]" if answer.same else "[bold red]different[/]"
    below = "" if threshold is None else f" (same below {threshold:.4f})"
    Console(highlight=False, emoji=False).print(
        f"{verdict}   score {answer.score:.4f} (same above 0.5), distance {answer.distance:.4f}{below}"
    )
