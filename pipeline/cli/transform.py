"""``siamese transform``: images normalised in front of TensorFlow Serving."""

from typing import Annotated

import typer

from pipeline.cli.app import MODELS, Host, MaxBody, MaxPixels, app


# KServe's controller appends options of its own, which differ between its versions.
@app.command(rich_help_panel=MODELS, context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
def transform(
    predictor: Annotated[
        str, typer.Option("--predictor", "--predictor_host", help="HOST:PORT or URL of TensorFlow Serving.")
    ],
    host: Host = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", "--http_port", min=0, max=65535, help="Port to listen on; 0: any free one.")
    ] = 8080,
    name: Annotated[str, typer.Option("--name", "--model_name", help="Name of the model.")] = "siamese",
    max_body: MaxBody = None,
    max_pixels: MaxPixels = None,
) -> None:
    """Forward requests to TensorFlow Serving, with images in any supported format converted to PNG or JPEG."""
    from pipeline.serving.server.admission import limits_of
    from pipeline.serving.server.process import serve_transformer

    serve_transformer(predictor, host, port, name, limits_of(max_body=max_body, max_pixels=max_pixels))
