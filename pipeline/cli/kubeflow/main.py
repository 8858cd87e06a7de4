"""``siamese kubeflow``: the cluster. Heavy libraries are imported by the commands that need them, never here."""

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from pipeline.cli.kubeflow import run_commands, schedule_commands
from pipeline.cli.kubeflow.options import Data, Image, PipelineRoot
from pipeline.cli.options import Overrides

app = typer.Typer(
    help="The same pipeline on Kubeflow Pipelines (2.x, open source).", no_args_is_help=True, add_completion=False
)

ConfigFile = Annotated[
    Path, typer.Option("--config", help="A YAML file; its kubeflow section says what pods are like.")
]


@app.command("compile")
def compile_command(
    config: ConfigFile,
    output: Annotated[Path, typer.Option(help="The YAML file to write.")] = Path("pipeline.yaml"),
    image: Image = None,
    pipeline_root: PipelineRoot = None,
    data: Data = None,
    overrides: Overrides = None,
) -> None:
    """Compile the pipeline into the file that the cluster runs, and check it."""
    from pipeline.config import load_config
    from pipeline.terminal.stages import quiet

    loaded = load_config(config, overrides or (), data)
    with quiet(Path(os.devnull)) as console, console.status("loading TFX"):
        from pipeline.runners.kubeflow.check.compiled import lines
        from pipeline.runners.kubeflow.compile.compilation import compile_pipeline

        compiled = compile_pipeline(loaded, image, pipeline_root)
    compiled.write(output)
    parameters = compiled.spec["root"]["inputDefinitions"]["parameters"]
    told = ", ".join(f"{name}={parameter['defaultValue']}" for name, parameter in sorted(parameters.items()))
    nodes = len(compiled.spec["root"]["dag"]["tasks"])
    told_warnings = "".join(f"\n{escape(line)}" for line in lines(compiled.findings()))
    Console(highlight=False, soft_wrap=True).print(
        f"{escape(str(output))}: {nodes} nodes, artifacts in {compiled.spec['defaultPipelineRoot']}\n"
        f"parameters of a run: {escape(told)}{told_warnings}"
    )


@app.command("check")
def check_command(
    file: Annotated[Path, typer.Argument(help="A compiled pipeline, ours or another's.")],
    pipeline_root: Annotated[str | None, typer.Option(help="That it will be submitted with.")] = None,
) -> None:
    """Say why the open-source backend (2.5 to 2.17) would refuse a compiled pipeline or fail to run it.

    Exit code 0: it would run; warnings may be told. 2: it would not.
    """
    from pipeline.runners.kubeflow.check.check import file_findings
    from pipeline.runners.kubeflow.check.compiled import lines

    found = file_findings(file, pipeline_root)
    for line in lines(found):
        print(line)
    errors = sum(finding.severity == "error" for finding in found)
    if errors:
        raise typer.Exit(2)
    print(f"{file}: no errors found" + (f"; warnings: {len(lines(found))}" if found else ""))


run_commands.add_to(app)
app.add_typer(schedule_commands.app, name="schedule")
