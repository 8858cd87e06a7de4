"""``siamese serve``: a pushed model over TensorFlow Serving's REST."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.app import MODELS, Host, MaxBody, MaxPixels, app


@app.command(rich_help_panel=MODELS)
def serve(
    model: Annotated[
        Path, typer.Option(help="A serving folder, whose new versions are loaded as they come, or one SavedModel.")
    ],
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0: any free one.")] = 8501,
    name: Annotated[str, typer.Option(help="Name of the model in /v1/models/NAME.")] = "siamese",
    labels: Annotated[
        list[str] | None,
        typer.Option("--label", metavar="LABEL=VERSION", help="Keep a version loaded under a label."),
    ] = None,
    max_batch: Annotated[int, typer.Option(min=1, help="Instances in one call of the model.")] = 32,
    max_body: MaxBody = None,
    max_pixels: MaxPixels = None,
    poll: Annotated[float, typer.Option(min=0.05, max=86_400, help="Seconds between checks for new versions.")] = 1.0,
) -> None:
    """Serve a pushed model over TensorFlow Serving's REST API, with a page that compares two images."""
    from pipeline.serving.server.admission import limits_of
    from pipeline.serving.server.process import serve_model
    from pipeline.serving.server.versions import parse_labels

    limits = limits_of(max_batch=max_batch, max_body=max_body, max_pixels=max_pixels)
    serve_model(model, host, port, name, parse_labels(labels or ()), limits, poll)
