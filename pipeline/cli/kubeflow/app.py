"""The app of ``siamese kubeflow``, and the options that its commands share."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.app import CLUSTER
from pipeline.cli.app import app as siamese

app = typer.Typer(
    help="The same pipeline on Kubeflow Pipelines (2.x, open source).", no_args_is_help=True, add_completion=False
)
siamese.add_typer(app, name="kubeflow", rich_help_panel=CLUSTER)

CREDENTIALS = (
    "Credentials are read from the environment: SIAMESE_KFP_TOKEN (a bearer token); KF_PIPELINES_SA_TOKEN_PATH (a file "
    "with a token, read for every call; in a pod the default is the projected token); SIAMESE_KFP_COOKIES (a Cookie "
    "header); KF_PIPELINES_IAP_OAUTH2_CLIENT_ID, KF_PIPELINES_APP_OAUTH2_CLIENT_ID and _SECRET (Google's IAP). "
    "KF_PIPELINES_ENDPOINT is the default of --host, KF_PIPELINES_UI_ENDPOINT the address of the UI."
)

Pipeline = Annotated[Path | None, typer.Argument(help="A compiled file; default: --config is compiled.")]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="A YAML file: the pipeline to compile, and its kubeflow section.")
]
Image = Annotated[str | None, typer.Option(help="Container image of every node; default: kubeflow.image.")]
Data = Annotated[str | None, typer.Option(help="Folder of images, as the pods see it.")]
PipelineRoot = Annotated[
    str | None,
    typer.Option(
        help="Address for artifacts: gs://, s3:// or minio://; default: the compiled file's, or kubeflow.pipeline_root."
    ),
]
Host = Annotated[
    str | None,
    typer.Option(help="Address of the server; default: kubeflow.host, KF_PIPELINES_ENDPOINT, or kubectl's cluster."),
]
Namespace = Annotated[str | None, typer.Option(help="Namespace on a multi-user server; default: kubeflow.namespace.")]
Experiment = Annotated[str | None, typer.Option(help="Experiment of the run; default: kubeflow.experiment.")]
ServiceAccount = Annotated[
    str | None, typer.Option(help="Service account of the pods; default: kubeflow.service_account.")
]
Parameters = Annotated[
    list[str] | None, typer.Option("--parameter", metavar="NAME=VALUE", help="A parameter of the run, e.g. data_root.")
]
Check = Annotated[bool, typer.Option(help="Check a compiled file first (siamese kubeflow check).")]
Poll = Annotated[float, typer.Option(min=0.1, help="Seconds between status requests.")]
Patience = Annotated[float, typer.Option(min=0, help="Seconds without an answer of the server before giving up.")]
Run = Annotated[str, typer.Argument(help="Id of the run, as submit prints it.")]
