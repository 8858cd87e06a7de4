"""Options that several commands take."""

from pathlib import Path
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable, on standard output.")]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="A YAML file, as of run.")]
Data = Annotated[str | None, typer.Option("--data", help="Images, as of run.")]
Output = Annotated[Path, typer.Option("--output", help="Where runs write.")]
Overrides = Annotated[list[str] | None, typer.Option("--set", metavar="A.B=VALUE", help="Change one key.")]
ServingDir = Annotated[
    str | None,
    typer.Option("--serving-dir", help="A serving folder, or a gs:// or s3:// address; default: the runs' own."),
]
