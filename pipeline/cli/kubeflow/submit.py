"""``siamese kubeflow submit``: one run, now."""

from datetime import datetime
from typing import Annotated, NoReturn

import typer

from pipeline.cli.app import Overrides
from pipeline.cli.kubeflow.app import (
    CREDENTIALS,
    Check,
    ConfigFile,
    Data,
    Experiment,
    Host,
    Image,
    Namespace,
    Parameters,
    Patience,
    Pipeline,
    PipelineRoot,
    Poll,
    ServiceAccount,
    app,
)
from pipeline.cli.kubeflow.cluster import compiled, errors_in_one_line, target, watch


@app.command(epilog=CREDENTIALS)
def submit(
    pipeline: Pipeline = None,
    config: ConfigFile = None,
    image: Image = None,
    pipeline_root: PipelineRoot = None,
    data: Data = None,
    host: Host = None,
    namespace: Namespace = None,
    experiment: Experiment = None,
    service_account: ServiceAccount = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the run; default: the pipeline's name and the time.")
    ] = None,
    parameters: Parameters = None,
    check: Check = True,
    follow: Annotated[bool, typer.Option(help="Wait until the run has ended.")] = True,
    poll: Poll = 5.0,
    patience: Patience = 600.0,
    overrides: Overrides = None,
) -> NoReturn:
    """Start one run now, and follow it.

    Exit code 0: pushed, the identical model already serves, or too few new images (with --no-follow: started). 3:
    refused by a gate. 2: the input is wrong. 1: failed.
    """
    loaded, cluster = target(config, overrides, host, namespace)
    settings = loaded.kubeflow
    with (
        errors_in_one_line(),
        compiled(pipeline, config, data, overrides, check, image=image, pipeline_root=pipeline_root) as file,
    ):
        started = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S")
        request = {
            "file": str(file.path.absolute()),
            "name": name or f"{file.name} {started}",
            "experiment": experiment or settings.experiment,
            "parameters": file.arguments(parameters or ()),
            "pipeline_root": pipeline_root or file.pipeline_root or settings.pipeline_root,
            "service_account": service_account or settings.service_account,
            "follow": follow,
            "poll": poll,
            "patience": patience,
        }
        raise typer.Exit(watch(cluster, "start", request))
