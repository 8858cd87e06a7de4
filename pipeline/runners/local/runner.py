"""The graph on one machine: LocalDagRunner, sqlite metadata, Beam's in-process runner."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from apache_beam.runners.runner import create_runner
from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.compiler import compiler, constants
from tfx.orchestration import metadata
from tfx.orchestration.local import local_dag_runner
from tfx.orchestration.pipeline import Pipeline
from tfx.orchestration.portable import launcher, runtime_parameter_utils

from models.errors import UserError, first_line
from pipeline.config.configuration import Config
from pipeline.environment.run_environment import RunEnvironment
from pipeline.graph import create_pipeline

OnNode = Callable[[str, bool], None]  # (node id, whether it has finished)


def sqlite(path: Path) -> metadata_store_pb2.ConnectionConfig:
    """The connection to a metadata store in a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return metadata.sqlite_metadata_connection_config(str(path))


def run(
    config: Config,
    environment: RunEnvironment,
    on_node: OnNode,
    create: Callable[[Config, RunEnvironment], Pipeline] | None = None,
) -> None:
    """Runs the graph to its end under ``environment.run_id``; ``on_node`` hears of each node's start and finish.

    Args:
      config: of the graph.
      environment: of the run.
      on_node: is called with (node id, whether it has finished).
      create: makes the graph; default: the whole one.

    Raises:
      UserError: Beam knows no such runner.
      Exception: what a node raised; nothing downstream of it has run.
    """
    _check_runner(config.beam.runner)
    pipeline = compiler.Compiler().compile((create or create_pipeline)(config, environment))
    runtime_parameter_utils.substitute_runtime_parameter(
        pipeline, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: environment.run_id}
    )
    with _listening(on_node):
        local_dag_runner.LocalDagRunner().run_with_ir(pipeline)


def _check_runner(name: str) -> None:
    try:
        create_runner(name)
    except (ValueError, ImportError, AttributeError) as error:
        raise UserError(f"beam.runner {name}: Beam has no such runner: {first_line(error)}") from None


@contextmanager
def _listening(on_node: OnNode) -> Iterator[None]:
    """LocalDagRunner has no hook: for the while, the launcher that it makes for each node is one that tells."""

    class TellingLauncher(launcher.Launcher):
        def launch(self) -> Any:
            node = self._pipeline_node.node_info.id
            on_node(node, False)
            result = super().launch()
            on_node(node, True)
            return result

    with mock.patch.object(local_dag_runner.launcher, "Launcher", TellingLauncher):
        yield
