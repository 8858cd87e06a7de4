"""The ``siamese`` command. Heavy libraries are imported by the commands that need them, never here."""

import sys
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from models.errors import ExitCode, UserError
from pipeline.cli import model_commands, runs_commands
from pipeline.cli.kubeflow.main import app as kubeflow
from pipeline.cli.options import ConfigFile, Data, Output, Overrides

app = typer.Typer(
    help="Siamese models from folders of images: train, gate, push, compare.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Entry point: a user's error is one clear line and exit code 2."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # those of libraries, to people who cannot mend them
    try:
        app()
    except UserError as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(
            f"[bold red]error:[/] {escape(str(error))} [dim]{escape(f'[{error.code}]')}[/]"
        )
        sys.exit(ExitCode.USER_ERROR)


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
    overrides: Overrides = None,
    beam: Annotated[
        list[str] | None,
        typer.Option(metavar="OPTIONS", help='Of Beam, e.g. --beam "--runner=FlinkRunner --parallelism=8".'),
    ] = None,
) -> NoReturn:
    """Train, gate and push a model.

    Exit code 0: pushed, or this very model already serves. 3: refused by a gate. 2: the input is wrong. 1: failed.
    """
    from pipeline.config import load_config
    from pipeline.runners.local.run import run as run_pipeline

    raise typer.Exit(run_pipeline(load_config(config, overrides or (), data, beam or ()), output))


@app.command()
def join(
    output: Annotated[Path, typer.Option("--output", help="That of the first host's run, under the same path.")],
) -> NoReturn:
    """Take part in the training of a run that the first of several hosts has begun, or will begin.

    TF_CONFIG, as TensorFlow has it, names all hosts, and in its task this one; the first one calls siamese run.

    Exit code 0: the run needs this host no more. 2: the input is wrong, here or there. 1: the training failed.
    """
    from pipeline.environment.output_folder import writable
    from pipeline.runners.local.hosts import join as join_run

    raise typer.Exit(join_run(writable(output)))


@app.command()
def schema(
    file: Annotated[Path, typer.Option(help="Where the schema is written, e.g. faces.pbtxt.")],
    config: ConfigFile = None,
    data: Data = None,
    output: Output = Path("output"),
    force: Annotated[bool, typer.Option("--force", help="Replace a schema that is there.")] = False,
    overrides: Overrides = None,
) -> NoReturn:
    """Write a first schema of the images, for you to review: what data.schema_file then holds them to."""
    from pipeline.cli.schema import write_schema
    from pipeline.config import load_config

    raise typer.Exit(write_schema(load_config(config, overrides or (), data), output, file, force))


@app.command("config")
def show_configuration(
    section: Annotated[str | None, typer.Argument(help="One alone, e.g. training, data.split or loss.margin.")] = None,
    config: ConfigFile = None,
    data: Data = None,
    overrides: Overrides = None,
    as_yaml: Annotated[bool, typer.Option("--yaml", help="A file that --config takes.")] = False,
) -> None:
    """Tell every key with its value, its default and what it means. Nothing runs."""
    from pipeline.cli.config import config_yaml, show_config
    from pipeline.config import read_user_values

    user_values = read_user_values(config, overrides or (), data)
    if as_yaml:
        print(config_yaml(user_values, section), end="")
    else:
        show_config(Console(highlight=False), user_values, section)


app.add_typer(model_commands.app)
app.add_typer(runs_commands.app)
app.add_typer(kubeflow, name="kubeflow")
