"""``siamese kubeflow compile``: a configuration to the file that the cluster runs."""

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from pipeline.cli.app import Overrides
from pipeline.cli.kubeflow.app import Data, Image, PipelineRoot, app


@app.command("compile")
def compile_file(
    config: Annotated[Path, typer.Option("--config", help="A YAML file; its kubeflow section describes the pods.")],
    output: Annotated[Path, typer.Option(help="YAML file to write.")] = Path("pipeline.yaml"),
    image: Image = None,
    pipeline_root: PipelineRoot = None,
    data: Data = None,
    overrides: Overrides = None,
) -> None:
    """Compile the pipeline into the file that the cluster runs, and check it."""
    from pipeline.config import load_config
    from pipeline.terminal import quiet

    loaded = load_config(config, overrides or (), data)
    with quiet(Path(os.devnull)) as console, console.status("loading TFX"):
        from pipeline.runners.kubeflow.check import lines
        from pipeline.runners.kubeflow.compile.compilation import compile_pipeline

        compiled = compile_pipeline(loaded, image, pipeline_root)
    compiled.write(output)
    definitions = compiled.spec["root"]["inputDefinitions"]["parameters"]
    parameters = ", ".join(f"{name}={parameter['defaultValue']}" for name, parameter in sorted(definitions.items()))
    nodes = len(compiled.spec["root"]["dag"]["tasks"])
    warnings = "".join(f"\n{escape(line)}" for line in lines(compiled.findings()))
    Console(highlight=False, emoji=False, soft_wrap=True).print(
        f"{escape(str(output))}: {nodes} nodes, artifacts in {compiled.spec['defaultPipelineRoot']}\n"
        f"parameters of a run: {escape(parameters)}{warnings}"
    )
