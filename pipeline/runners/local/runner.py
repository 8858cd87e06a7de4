"""The graph on one machine: one node after the other by TFX's launcher, sqlite metadata, Beam's in-process runner."""

from collections.abc import Callable
from pathlib import Path

from apache_beam.runners.runner import create_runner
from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.compiler import compiler, constants
from tfx.orchestration import metadata
from tfx.orchestration.local import runner_utils
from tfx.orchestration.pipeline import Pipeline
from tfx.orchestration.portable import runtime_parameter_utils
from tfx.proto.orchestration import pipeline_pb2
from tfx.utils import telemetry_utils

from models.errors import UserError, first_line
from pipeline.config.configuration import Config
from pipeline.environment.run_environment import RunEnvironment
from pipeline.graph import create_pipeline
from pipeline.runners.in_process_beam import disable_state_cache
from pipeline.runners.local.launcher import Launcher

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
    """Runs the graph to its end under ``environment.run_id``; ``create`` makes another one than the entire graph.

    Raises:
      UserError: Beam knows no such runner.
      Exception: what a node raised; nothing downstream of it has run.
    """
    _check_runner(config.beam.runner)
    disable_state_cache()
    pipeline = compiler.Compiler().compile((create or create_pipeline)(config, environment))
    runtime_parameter_utils.substitute_runtime_parameter(
        pipeline, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: environment.run_id}
    )
    run_nodes(pipeline, on_node)


def run_nodes(pipeline: pipeline_pb2.Pipeline, on_node: OnNode) -> None:
    """Launches the nodes of a compiled pipeline in their order, as LocalDagRunner does, which reports no progress.

    ``on_node`` is called before each node, and after each that succeeded.

    Raises:
      Exception: what a node raised; the nodes after it are not launched.
    """
    deployment = runner_utils.extract_local_deployment_config(pipeline)
    store = deployment.metadata_connection_config
    connection = getattr(store, store.WhichOneof("connection_config"))
    with telemetry_utils.scoped_labels({telemetry_utils.LABEL_TFX_RUNNER: "local"}):
        for node in pipeline.nodes:
            name = node.pipeline_node.node_info.id
            on_node(name, False)
            Launcher(
                pipeline_node=node.pipeline_node,
                mlmd_connection=metadata.Metadata(connection),
                pipeline_info=pipeline.pipeline_info,
                pipeline_runtime_spec=pipeline.runtime_spec,
                executor_spec=runner_utils.extract_executor_spec(deployment, name),
                custom_driver_spec=runner_utils.extract_custom_driver_spec(deployment, name),
            ).launch()
            on_node(name, True)


def _check_runner(name: str) -> None:
    try:
        create_runner(name)
    except (ValueError, ImportError, AttributeError) as error:
        raise UserError(
            f"beam.runner {name}: Beam has no such runner: {first_line(error)}", code="beam-unknown-runner"
        ) from None
