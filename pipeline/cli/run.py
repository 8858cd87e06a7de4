"""``siamese run``: one local run."""

import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from pipeline.cli.app import TRAINING, Output, Overrides, app


@app.command(rich_help_panel=TRAINING)
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
    overrides: Overrides = None,
    beam: Annotated[
        list[str] | None,
        typer.Option(metavar="OPTIONS", help='Options of Beam, e.g. --beam "--runner=FlinkRunner --parallelism=8".'),
    ] = None,
) -> NoReturn:
    """Train, gate and push a model.

    Exit code 0: pushed, or the identical model already serves. 3: refused by a gate. 2: the input is wrong. 1: failed.
    130: Ctrl-C. 143: ended by SIGTERM.
    """
    from pipeline.config import load_config

    loaded = load_config(config, overrides or (), data, beam or ())
    from pipeline.runners.local.run import run as run_pipeline  # after it: an error is reported sooner

    code = run_pipeline(loaded, output)
    if code > 128:  # a signal: threads of Beam and gRPC that are still at work must not delay the end
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    raise typer.Exit(code)
