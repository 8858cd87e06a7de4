"""``siamese kubeflow``: the cluster. Heavy libraries are imported by the commands that need them, never here."""

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from pipeline.runners.kubeflow import run_commands, schedule_commands

app = typer.Typer(
    help="The same pipeline on Kubeflow Pipelines (2.x, open source).", no_args_is_help=True, add_completion=False
)

ConfigFile = Annotated[
    Path, typer.Option("--config", help="A YAML file; its kubeflow section says what pods are like.")
]
Image = Annotated[str | None, typer.Option(help="Container image of every node; default: kubeflow.image.")]
PipelineRoot = Annotated[
    str | None, typer.Option(help="Where artifacts go: gs://, s3:// or minio://; default: kubeflow.pipeline_root.")
]
Overrides = Annotated[list[str] | None, typer.Option("--set", metavar="A.B=VALUE", help="Change one key.")]


@app.command("compile")
def compile_command(
    config: ConfigFile,
    output: Annotated[Path, typer.Option(help="The YAML file to write.")] = Path("pipeline.yaml"),
    image: Image = None,
    pipeline_root: PipelineRoot = None,
    data: Annotated[str | None, typer.Option(help="The folder of images, as the pods see it.")] = None,
    overrides: Overrides = None,
) -> None:
    """Compile the pipeline into the file that the cluster runs, and check it."""
    from pipeline.config import load_config
    from pipeline.terminal import quiet

    loaded = load_config(config, overrides or (), data)
    with quiet(Path(os.devnull)) as console, console.status("loading TFX"):
        from pipeline.runners.kubeflow.compilation import compile_pipeline

        compiled = compile_pipeline(loaded, image, pipeline_root)
    compiled.write(output)
    parameters = compiled.spec["root"]["inputDefinitions"]["parameters"]
    told = ", ".join(f"{name}={parameter['defaultValue']}" for name, parameter in sorted(parameters.items()))
    nodes = len(compiled.spec["root"]["dag"]["tasks"])
    Console(highlight=False, soft_wrap=True).print(
        f"{escape(str(output))}: {nodes} nodes, artifacts in {compiled.spec['defaultPipelineRoot']}\n"
        f"parameters of a run: {escape(told)}"
    )


run_commands.add_to(app)
app.add_typer(schedule_commands.app, name="schedule")
