"""``siamese embed``: a folder of images to a file of embeddings."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from models.user_files import shown
from pipeline.cli.app import MODELS, Model, app


@app.command(rich_help_panel=MODELS)
def embed(
    model: Model,
    images: Annotated[Path, typer.Option(help="A folder; every image below it is embedded.")],
    output: Annotated[Path, typer.Option(help="An .npz file: embeddings float32 [n, d] and paths.")],
) -> None:
    """Write the embeddings of a folder of images."""
    from components.storage.skips import Skips
    from pipeline.serving.offline import embed_folder, model_folder

    skips = Skips()
    done, unreadable = embed_folder(model_folder(model), images, output, skips)
    if passed_over := ", ".join(f"{kind} {count:,}" for kind, count in skips.counts().items()):
        print(f"passed over among the images: {passed_over}", file=sys.stderr)
    for path, reason in unreadable:
        print(f"skipped {shown(path)}: {reason}", file=sys.stderr)
    print(f"{shown(output)}: {done:,} embeddings" + (f", {len(unreadable):,} images skipped" if unreadable else ""))
