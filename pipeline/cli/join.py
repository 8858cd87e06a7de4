"""``siamese join``: this host trains as a worker of a run on several hosts."""

from pathlib import Path
from typing import Annotated, NoReturn

import typer

from pipeline.cli.app import TRAINING, app


@app.command(rich_help_panel=TRAINING)
def join(
    output: Annotated[
        Path, typer.Option("--output", help="Output folder of the chief's run, under the same path here.")
    ],
) -> NoReturn:
    """Train as a worker of a run whose chief is another host.

    TF_CONFIG, as TensorFlow defines it, names all hosts and, as its task, this one; the chief calls siamese run.

    Exit code 0: the run no longer needs this host. 2: the input is wrong, here or on another host. 1: the training
    failed.
    """
    from pipeline.environment.output_folder import plain_name, writable
    from pipeline.runners.local.hosts import join as join_run

    output = writable(output)
    with plain_name(output):  # the chief may name its artifacts by the working folder
        code = join_run(output)
    raise typer.Exit(code)
