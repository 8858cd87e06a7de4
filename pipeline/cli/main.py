"""Entry point of ``siamese``: collects the commands, and prints a user error as one line."""

import importlib
import pkgutil
import sys
import warnings
from importlib.metadata import version
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from models.errors import ExitCode, UserError
from pipeline import cli
from pipeline.cli.app import PANELS, app

for module in pkgutil.walk_packages(cli.__path__, "pipeline.cli."):
    importlib.import_module(module.name)  # registers its command
# The panels of the help come in the order of their first commands; those without one go first.
app.registered_commands.sort(key=lambda command: [*PANELS, command.rich_help_panel].index(command.rich_help_panel))


def main() -> None:
    """Runs the command line; a user error is one line on standard error and exit code 2."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # warnings of libraries, which users cannot act on
    try:
        app()
    except UserError as error:
        message, code = str(error), f"[{error.code}]"
        if code not in message:  # a message of several errors has the code of each
            message = f"{message} {code}"
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"[bold red]error:[/] {escape(message)}")
        sys.exit(ExitCode.USER_ERROR)


@app.callback(invoke_without_command=True)
def _root(show_version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if show_version:
        print(f"siamese {version('siamese-pipeline')}")
        raise typer.Exit
