"""The app of ``siamese kubeflow``, and the options that its commands share, in groups."""

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.markup import escape

from models.errors import ExitCode, UserError
from pipeline.cli.app import CLUSTER, Overrides
from pipeline.cli.app import app as siamese

if TYPE_CHECKING:
    from pipeline.config import Config
    from pipeline.config.kubeflow import KubeflowSettings
    from pipeline.runners.kubeflow.compile.compiled_file import CompiledFile
    from pipeline.runners.kubeflow.runs.server import Cluster

app = typer.Typer(
    help="The same pipeline on Kubeflow Pipelines (2.x, open source).", no_args_is_help=True, add_completion=False
)
siamese.add_typer(app, name="kubeflow", rich_help_panel=CLUSTER)

_CREDENTIALS = (
    "Credentials are read from the environment: SIAMESE_KFP_TOKEN (a bearer token); KF_PIPELINES_SA_TOKEN_PATH (a file "
    "with a token, read for every call; in a pod the default is the projected token); SIAMESE_KFP_COOKIES (a Cookie "
    "header); KF_PIPELINES_IAP_OAUTH2_CLIENT_ID, KF_PIPELINES_APP_OAUTH2_CLIENT_ID and _SECRET (Google's IAP). "
    "KF_PIPELINES_ENDPOINT is the default of --host, KF_PIPELINES_UI_ENDPOINT the address of the UI."
)

Image = Annotated[str | None, typer.Option(help="Container image of every node; default: kubeflow.image.")]
Data = Annotated[str | None, typer.Option(help="Folder of images, as the pods see it.")]
PipelineRoot = Annotated[
    str | None,
    typer.Option(
        help="Address for artifacts: gs://, s3:// or minio://; default: the compiled file's, or kubeflow.pipeline_root."
    ),
]
Poll = Annotated[float, typer.Option(min=0.1, max=86_400, help="Seconds between status requests.")]
Patience = Annotated[float, typer.Option(min=0, help="Seconds without an answer of the server before giving up.")]
Run = Annotated[str, typer.Argument(help="Id of the run, as submit prints it.")]

F = TypeVar("F", bound=Callable[..., Any])


def cluster_command(group: typer.Typer, name: str | None = None) -> Callable[[F], F]:
    """Registers a command whose parameter ``options`` is a ``Server``: each of its fields becomes an option."""

    def register(function: F) -> F:
        own = inspect.signature(function).parameters
        kind = own["options"].annotation
        shared = [
            own["options"].replace(name=one.name, annotation=one.type, default=one.default) for one in fields(kind)
        ]
        parameters = [
            one.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for parameter in own.values()
            for one in (shared if parameter.name == "options" else (parameter,))
        ]

        @functools.wraps(function)
        def run(**given: Any) -> Any:
            options = kind(**{one.name: given.pop(one.name) for one in fields(kind)})
            with _errors_in_one_line():
                return function(options=options, **given)

        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {one.name: one.annotation for one in parameters}
        group.command(name, epilog=_CREDENTIALS)(run)
        return function

    return register


@contextmanager
def _errors_in_one_line() -> Iterator[None]:
    """Ends the command with exit code 1 where the server fails, with 130 at Ctrl-C, and prints one line."""
    from pipeline.runners.kubeflow.runs.server import ClusterError

    try:
        yield
    except ClusterError as error:
        code = "kubeflow-server-error"
        stderr().print(f"[bold red]error:[/] {escape(f'{error} [{code}]')}")
        raise typer.Exit(ExitCode.FAILED) from None
    except KeyboardInterrupt:
        stderr().print("interrupted; repeat the command to complete what it began")
        raise typer.Exit(ExitCode.INTERRUPTED) from None


@dataclass(frozen=True)
class Server:
    """The options of every command that goes to a server."""

    config: Annotated[
        Path | None, typer.Option("--config", help="A YAML file: the pipeline to compile, and its kubeflow section.")
    ] = None
    host: Annotated[
        str | None,
        typer.Option(
            help="Address of the server; default: kubeflow.host, KF_PIPELINES_ENDPOINT, or kubectl's cluster."
        ),
    ] = None
    namespace: Annotated[
        str | None, typer.Option(help="Namespace on a multi-user server; default: kubeflow.namespace.")
    ] = None
    overrides: Overrides = None

    def target(self) -> tuple["Config", "Cluster"]:
        """The configuration, and the server; options go before the ``kubeflow`` section."""
        from pipeline.config import load_config
        from pipeline.runners.kubeflow.runs.server import Cluster

        loaded = load_config(self.config, self.overrides or ())
        settings = loaded.kubeflow
        return loaded, Cluster(self.host or settings.host, self.namespace or settings.namespace, settings.connection)


@dataclass(frozen=True)
class Submission(Server):
    """The options of the commands that start runs of a pipeline."""

    pipeline: Annotated[Path | None, typer.Argument(help="A compiled file; default: --config is compiled.")] = None
    image: Image = None
    pipeline_root: PipelineRoot = None
    data: Data = None
    experiment: Annotated[str | None, typer.Option(help="Experiment of the run; default: kubeflow.experiment.")] = None
    service_account: Annotated[
        str | None, typer.Option(help="Service account of the pods; default: kubeflow.service_account.")
    ] = None
    parameters: Annotated[
        list[str] | None,
        typer.Option("--parameter", metavar="NAME=VALUE", help="A parameter of the run, e.g. data_root."),
    ] = None
    check: Annotated[bool, typer.Option(help="Check a compiled file first (siamese kubeflow check).")] = True

    @contextmanager
    def compiled(self) -> Iterator["CompiledFile"]:
        """The compiled file, or one compiled from the configuration that exists inside the block alone.

        Raises:
          UserError: there is neither, options do not go together, or the backend would not run the file.
        """
        import tempfile

        from pipeline.runners.kubeflow.compile.compiled_file import read_compiled

        if self.pipeline:
            if self.image or self.data:
                message = f"{self.pipeline} is compiled already: --image and --data need --config instead"
                raise UserError(message, code="config-conflicting-options")
            file = read_compiled(self.pipeline)
            if self.check:
                _check(self.pipeline, self.pipeline_root)
            yield file
            return
        if not self.config:
            message = "no pipeline: name a compiled file or a configuration (--config)"
            raise UserError(message, code="kubeflow-no-pipeline")
        from pipeline.config import load_config
        from pipeline.terminal import quiet

        loaded = load_config(self.config, self.overrides or (), self.data)
        with tempfile.TemporaryDirectory(prefix="siamese-") as folder:
            with quiet(Path(folder) / "log.txt") as console, console.status("compiling"):
                from pipeline.runners.kubeflow.compile.compilation import compile_pipeline

                made = compile_pipeline(loaded, self.image, self.pipeline_root)
            made.write(Path(folder) / "pipeline.yaml")
            yield read_compiled(Path(folder) / "pipeline.yaml")

    def request(self, file: "CompiledFile", settings: "KubeflowSettings") -> dict[str, Any]:
        """What runs of the file are started with."""
        return {
            "file": str(file.path.absolute()),
            "experiment": self.experiment or settings.experiment,
            "parameters": file.arguments(self.parameters or ()),
            "pipeline_root": self.pipeline_root or file.pipeline_root or settings.pipeline_root,
            "service_account": self.service_account or settings.service_account,
        }


def _check(pipeline: Path, pipeline_root: str | None) -> None:
    from pipeline.runners.kubeflow.check import errors, file_findings, lines

    if found := lines(errors(file_findings(pipeline, pipeline_root))):
        found.append(f"{pipeline}: not submitted, the backend would not run it (--no-check submits it)")
        raise UserError("\n".join(line.removeprefix("error: ") for line in found), code="kubeflow-not-runnable")


def stdout() -> Console:
    """Where results go."""
    return Console(highlight=False, emoji=False)


def stderr() -> Console:
    """Where errors and warnings go."""
    return Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)
