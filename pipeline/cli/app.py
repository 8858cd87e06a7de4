"""The app that every command registers itself with, and the options that several commands take.

A module of this folder is imported whenever ``siamese`` starts: heavy libraries are imported inside the commands.
"""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from models.addresses import as_in_a_shell, is_address
from models.errors import UserError

# Options that are paths of this machine; of an address they would make a local folder that is called "gs:".
_PATHS = frozenset(("--config", "--file", "--images", "--output", "--pairs", "--root", "--scores", "--to"))
_PATHS_OR_ADDRESSES = frozenset(("--data", "--model", "--serving-dir"))


class _Arguments(TyperGroup):
    """Checks what holds for every argument of every command, before any of them is read."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        args = list(args)
        for number, (before, argument) in enumerate(zip(["", *args], args, strict=False)):
            name = argument.partition("=")[0] if argument.startswith("--") else before if before[:1] == "-" else ""
            value = argument.partition("=")[2] if argument.startswith("--") and "=" in argument else argument
            if not value.strip():
                what = f"{name}: its value" if name else "an argument"
                raise UserError(f"{what} is empty; is a variable of the shell not set?", code="config-empty")
            if not _is_text(argument):
                shown = argument.encode("utf-8", "backslashreplace").decode("utf-8")
                message = f"{shown}: is not UTF-8; rename it, or give the name of a link to it"
                raise UserError(message, code="config-not-text")
            if name in _PATHS and is_address(value):
                message = f"{name} {value}: is an address; this takes a path of this machine"
                raise UserError(message, code="config-invalid-option")
            if name in _PATHS | _PATHS_OR_ADDRESSES and argument != name:
                try:
                    args[number] = argument[: len(argument) - len(value)] + as_in_a_shell(value)
                except ValueError as error:
                    raise UserError(f"{name} {error}", code="config-invalid-option") from None
        return super().parse_args(ctx, args)


def _is_text(argument: str) -> bool:
    try:
        argument.encode("utf-8")
    except UnicodeEncodeError:  # what Python makes of a byte that is no text
        return False
    return True


app = typer.Typer(
    cls=_Arguments,
    help="Siamese models from folders of images: train, gate, push, compare.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

# The panels of the help, in their order.
TRAINING, MODELS, RECORDS, CLUSTER = PANELS = ("Training", "Pushed models", "Runs and versions", "Cluster")

AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable, on standard output.")]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="A YAML file, as for run.")]
Data = Annotated[str | None, typer.Option("--data", help="Images, as for run.")]
Host = Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0: all.")]
MaxBody = Annotated[int | None, typer.Option(min=1, help="Bytes of a request.")]
MaxPixels = Annotated[int | None, typer.Option(min=1, help="Pixels of one image.")]
Model = Annotated[Path, typer.Option("--model", help="A pushed version, or the serving folder (its newest version).")]
Output = Annotated[Path, typer.Option("--output", help="Folder that runs write to.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="A.B=VALUE", help="Change one key of the configuration.")
]
ServingDir = Annotated[
    str | None,
    typer.Option("--serving-dir", help="A serving folder, or a gs:// or s3:// address; default: that of the runs."),
]
