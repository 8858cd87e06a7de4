"""Entry point of ``siamese``: collects the commands, and prints a user error as one line."""

import importlib
import io
import os
import pkgutil
import sys
import warnings
from importlib.metadata import version
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from models.errors import ExitCode, UserError
from models.library_environment import set_library_variables
from models.user_files import described
from pipeline import cli
from pipeline.cli.app import PANELS, app

for module in pkgutil.walk_packages(cli.__path__, "pipeline.cli."):
    importlib.import_module(module.name)  # registers its command
# The panels of the help come in the order of their first commands; those without one go first.
app.registered_commands.sort(key=lambda command: [*PANELS, command.rich_help_panel].index(command.rich_help_panel))

_SHOWN_WARNINGS = ("default", "always", "module", "once")


def main() -> None:
    """Runs the command line; a user error is one line on standard error and exit code 2."""
    if not any(option.startswith(_SHOWN_WARNINGS) for option in sys.warnoptions):
        warnings.simplefilter("ignore")  # warnings of libraries, which users cannot act on, and never errors
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of files hold what the terminal cannot show
    set_library_variables()
    try:
        app()
    except UserError as error:
        _end(str(error), error.code)
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(ExitCode.FAILED)
    except (OSError, MemoryError, RecursionError, UnicodeError) as error:  # what no command expected of a file
        _end(described(error), "system-error")


def _end(message: str, code: str) -> NoReturn:
    if f"[{code}]" not in message:  # a message of several errors has the code of each
        message = f"{message} [{code}]"
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"[bold red]error:[/] {escape(message)}")
    sys.exit(ExitCode.USER_ERROR)


@app.callback(invoke_without_command=True)
def _root(show_version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if show_version:
        print(f"siamese {version('siamese-pipeline')}")
        raise typer.Exit
