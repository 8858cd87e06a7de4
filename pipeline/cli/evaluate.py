"""``siamese evaluate``: a pushed model on the user's own list of pairs."""

import json
import math
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from models.user_files import shown
from pipeline.cli.app import MODELS, AsJson, Model, app


@app.command(rich_help_panel=MODELS)
def evaluate(
    model: Model,
    pairs: Annotated[
        Path, typer.Option(help="CSV image_a,image_b,same (1 or 0), lines of 'a b 1', or LFW's pairs.txt.")
    ],
    root: Annotated[
        Path | None, typer.Option(help="Folder that the paths are relative to; default: the list's.")
    ] = None,
    scores: Annotated[Path | None, typer.Option(help="CSV to write: distance and score of every pair.")] = None,
    as_json: AsJson = False,
) -> None:
    """Compute the metrics of a pushed model on a list of pairs, at its stored threshold."""
    from components.gates.model_gate.settings import MeasureSettings
    from models.export.inference import LoadedModel
    from models.verification.metrics import verification_metrics
    from pipeline.serving.offline import model_folder, read_protocol, score_pairs, write_scores

    protocol = read_protocol(pairs, root or pairs.parent)
    folder = model_folder(model)
    loaded = LoadedModel(folder)
    from models.export.training_images import TrainingImages  # after the model, which imports TensorFlow without Keras

    training = TrainingImages(folder, loaded.manifest.image)
    distance, score = score_pairs(loaded, protocol, training.look)
    seen = training.seen()
    usual = MeasureSettings()
    metrics = verification_metrics(
        protocol.same, distance, loaded.manifest.threshold, score, fars=usual.fars, genuine_prior=usual.genuine_prior
    )
    for note in (*protocol.notes, *seen.notes()):
        print(f"warning: {shown(pairs)}: {note}", file=sys.stderr)
    if scores:
        write_scores(scores, protocol, distance, score)
    if as_json:
        # JSON has no NaN: a metric that is undefined for these pairs is null.
        defined = {name: None if math.isnan(value) else value for name, value in metrics.items()}
        images = {"images": seen.images, "images_in_training": seen.in_training}
        threshold = loaded.manifest.threshold
        print(json.dumps({"pairs": len(distance), **images, "threshold": threshold, "metrics": defined}))
        return
    table = Table(title=f"{len(distance):,} pairs at threshold {loaded.manifest.threshold:.4f}", box=None)
    table.add_column("", justify="left")
    table.add_column("", justify="right")
    for name, value in metrics.items():
        table.add_row(name, f"{value:.4f}")
    Console(highlight=False, emoji=False).print(table)
