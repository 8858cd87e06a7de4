"""Options that the commands for the cluster share, and what they come to with the configuration."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer
from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    from pipeline.config import Config
    from pipeline.runners.kubeflow.compile.compiled_file import CompiledFile
    from pipeline.runners.kubeflow.runs.server import Cluster

INTERRUPTED = 130
CREDENTIALS = (
    "Credentials come from the environment: SIAMESE_KFP_TOKEN (a bearer token); KF_PIPELINES_SA_TOKEN_PATH (a file of "
    "one, read for every call; in a pod the projected token is found by itself); SIAMESE_KFP_COOKIES (as browsers send "
    "them); KF_PIPELINES_IAP_OAUTH2_CLIENT_ID, KF_PIPELINES_APP_OAUTH2_CLIENT_ID and _SECRET (Google's IAP). "
    "KF_PIPELINES_ENDPOINT stands for --host, KF_PIPELINES_UI_ENDPOINT for the address of the pages."
)

Pipeline = Annotated[Path | None, typer.Argument(help="A compiled file; without one --config is compiled.")]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="A YAML file: what to compile, and its kubeflow section.")
]
Image = Annotated[str | None, typer.Option(help="Container image of every node; default: kubeflow.image.")]
Data = Annotated[str | None, typer.Option(help="The folder of images, as the pods see it.")]
PipelineRoot = Annotated[
    str | None,
    typer.Option(
        help="Where artifacts go: gs://, s3:// or minio://; default: the compiled file's, or kubeflow.pipeline_root."
    ),
]
Host = Annotated[
    str | None,
    typer.Option(help="Address of the server; default: kubeflow.host, KF_PIPELINES_ENDPOINT, or kubectl's cluster."),
]
Namespace = Annotated[str | None, typer.Option(help="On a server of many users; default: kubeflow.namespace.")]
Experiment = Annotated[str | None, typer.Option(help="Groups runs on the page; default: kubeflow.experiment.")]
ServiceAccount = Annotated[str | None, typer.Option(help="That the pods run as; default: kubeflow.service_account.")]
Parameters = Annotated[
    list[str] | None, typer.Option("--parameter", metavar="NAME=VALUE", help="A parameter of the run, e.g. data_root.")
]
Check = Annotated[
    bool, typer.Option(help="Refuse a compiled file that the backend would refuse (siamese kubeflow check).")
]


class Where(NamedTuple):
    """What a command is about: the configuration, and the server that it names."""

    config: "Config"
    cluster: "Cluster"


def where(config: Path | None, overrides: list[str] | None, host: str | None, namespace: str | None) -> Where:
    """The configuration, and the server that options and configuration name."""
    from pipeline.config import load_config
    from pipeline.runners.kubeflow.runs.server import Cluster

    loaded = load_config(config, overrides or ())
    settings = loaded.kubeflow
    cluster = Cluster(host or settings.host, namespace or settings.namespace, settings.connection)
    return Where(loaded, cluster)


@contextmanager
def compiled(
    pipeline: Path | None,
    config: Path | None,
    data: str | None,
    overrides: list[str] | None,
    check: bool,
    **options: str | None,
) -> Iterator["CompiledFile"]:
    """The compiled file: the one given, or the configuration's, compiled for as long as it is needed."""
    import tempfile

    from models.errors import UserError
    from pipeline.runners.kubeflow.compile.compiled_file import read_compiled

    if pipeline:
        if options["image"] or data:
            raise UserError(f"{pipeline} is compiled: --image and --data go with --config alone")
        file = read_compiled(pipeline)
        if check:
            _check(pipeline, options["pipeline_root"])
        yield file
        return
    if not config:
        raise UserError("nothing to run: name a compiled file, or say --config")
    from pipeline.config import load_config
    from pipeline.terminal.stages import quiet

    loaded = load_config(config, overrides or (), data)
    with tempfile.TemporaryDirectory(prefix="siamese-") as folder:
        with quiet(Path(folder) / "log.txt") as console, console.status("compiling"):
            from pipeline.runners.kubeflow.compile.compilation import compile_pipeline

            made = compile_pipeline(loaded, options["image"], options["pipeline_root"])
        made.write(Path(folder) / "pipeline.yaml")
        yield read_compiled(Path(folder) / "pipeline.yaml")


def _check(pipeline: Path, pipeline_root: str | None) -> None:
    from models.errors import UserError
    from pipeline.runners.kubeflow.check.check import file_findings
    from pipeline.runners.kubeflow.check.compiled import lines

    errors = lines(finding for finding in file_findings(pipeline, pipeline_root) if finding.severity == "error")
    if errors:
        told = "\n".join(line.removeprefix("error: ") for line in errors)
        raise UserError(f"{told}\n{pipeline}: would not run, so it is not sent (--no-check sends it all the same)")


@contextmanager
def one_line() -> Iterator[None]:
    """A failure of the server is one line and exit code 1; so is Ctrl-C, with code 130."""
    from pipeline.runners.kubeflow.runs.server import ClusterError

    try:
        yield
    except ClusterError as error:
        stderr().print(f"[bold red]error:[/] {escape(str(error))}")
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        stderr().print("interrupted; what is half done is mended by the same command")
        raise typer.Exit(INTERRUPTED) from None


def stderr() -> Console:
    """Where errors and warnings go."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def stdout() -> Console:
    """Where results go."""
    return Console(highlight=False)


def told(time: Any) -> str:
    """A time as text, in UTC, to the minute."""
    return time.strftime("%Y-%m-%d %H:%M") if time else "-"
