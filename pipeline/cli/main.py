"""Entry point of ``siamese``: collects the commands, and prints a user error as one line."""

import importlib
import io
import os
import pkgutil
import sys
import warnings
from importlib.metadata import version
from typing import Annotated, NoReturn, TextIO

import typer
from rich.console import Console
from rich.markup import escape

from components.run_outcome.verdict import DISK_CODE
from models.errors import ExitCode, UserError, disk_fault
from models.library_environment import check_docstrings, set_library_variables, silence_libraries
from models.user_files import described, shown
from pipeline import cli
from pipeline.cli.app import PANELS, app

for module in pkgutil.walk_packages(cli.__path__, "pipeline.cli."):
    importlib.import_module(module.name)  # registers its command
# The panels of the help come in the order of their first commands; those without one go first.
app.registered_commands.sort(key=lambda command: [*PANELS, command.rich_help_panel].index(command.rich_help_panel))

_LONGEST_LINE = 10_000
_SHOWN_WARNINGS = ("default", "always", "module", "once")


def main() -> None:
    """Runs the command line; a user error is one line on standard error and exit code 2."""
    if not any(option.startswith(_SHOWN_WARNINGS) for option in sys.warnoptions):
        warnings.simplefilter("ignore")  # warnings of libraries, which users cannot act on, and never errors
    _open_standard_streams()
    if not os.environ.get("COLUMNS", "1").strip("0"):
        del os.environ["COLUMNS"]  # of a width of 0 nothing would be printed
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of files hold what the terminal cannot show
    silence_libraries()
    set_library_variables()
    try:
        check_docstrings()
        try:
            app()
        finally:
            sys.stdout.flush()  # an error of it is one of the command, not of the end of the process
    except UserError as error:
        _fail(str(error), error.code)
    except BrokenPipeError:  # whoever read the output has seen enough
        _discard(sys.stdout)
        sys.exit(ExitCode.FAILED)
    except Exception as error:
        if fault := disk_fault(error):
            _discard(sys.stdout)
            _fail(fault, DISK_CODE)
        if isinstance(error, (OSError, MemoryError, RecursionError, UnicodeError)):
            _fail(described(error), "system-error")
        raise


def _open_standard_streams() -> None:
    """Opens standard streams that are closed: a file that is opened later would be taken for one, and printed into.

    Output without a buffer (PYTHONUNBUFFERED) gets one: of a write that a signal cuts short, the rest would be lost.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:  # the lowest that is free
        pass
    os.close(descriptor)
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - until the process ends
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = _buffered(sys.stdout)


def _buffered(stream: TextIO) -> TextIO:
    if not isinstance(stream, io.TextIOWrapper) or not isinstance(stream.buffer, io.RawIOBase):
        return stream
    binary = open(stream.fileno(), "wb", closefd=False)  # noqa: SIM115 - until the process ends
    return io.TextIOWrapper(binary, encoding=stream.encoding, errors=stream.errors, line_buffering=True)


def _fail(message: str, code: str) -> NoReturn:
    if f"[{code}]" not in message:  # a message of several errors has the code of each
        message = f"{message} [{code}]"
    message = "\n".join(shown(line, _LONGEST_LINE) for line in message.split("\n"))  # it may quote a file's content
    try:
        Console(stderr=True, highlight=False, emoji=False, soft_wrap=True).print(
            f"[bold red]error:[/] {escape(message)}"
        )
        sys.stderr.flush()
    except OSError:  # the exit code says it where standard error cannot
        _discard(sys.stderr)
    sys.exit(ExitCode.USER_ERROR)


def _discard(stream: TextIO) -> None:
    """What a stream still holds cannot be written; the end of the process would try it again, and fail."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


@app.callback(invoke_without_command=True)
def _root(show_version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if show_version:
        print(f"siamese {version('siamese-pipeline')}")
        raise typer.Exit
