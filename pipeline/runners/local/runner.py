"""The graph on one machine: TFX's launcher, sqlite metadata, Beam's in-process runner.

One node runs after the other, but for those whose work another process does: they begin once what they need is there,
and run beside the nodes after it.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.compiler import compiler, constants
from tfx.orchestration import metadata
from tfx.orchestration.local import runner_utils
from tfx.orchestration.pipeline import Pipeline
from tfx.orchestration.portable import runtime_parameter_utils
from tfx.proto.orchestration import pipeline_pb2
from tfx.utils import import_utils, telemetry_utils

from components.gates.serving_validator.process import allow_running, end_running
from models.errors import note_node
from pipeline.config.beam import BeamSettings
from pipeline.config.configuration import Config
from pipeline.environment.run_environment import RunEnvironment
from pipeline.graph import create_pipeline
from pipeline.runners.in_process_beam import quicken
from pipeline.runners.local.launcher import Launcher

_WORKERS = "workers of Beam"  # a stage of its own, shown like a node
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
      UserError: the workers of Beam do not begin, do not see the folder of artifacts, or have other versions.
      Exception: what a node raised; nothing downstream of it has run.
    """
    if config.beam.workers_elsewhere:
        _check_workers(config.beam, Path(environment.artifacts), on_node)
    quicken()
    pipeline = compiler.Compiler().compile((create or create_pipeline)(config, environment))
    runtime_parameter_utils.substitute_runtime_parameter(
        pipeline, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: environment.run_id}
    )
    run_nodes(pipeline, on_node)


def _check_workers(beam: BeamSettings, artifacts: Path, on_node: OnNode) -> None:
    from pipeline.runners.beam.workers import check_workers  # only for workers elsewhere

    on_node(_WORKERS, False)
    check_workers(beam, artifacts)
    on_node(_WORKERS, True)


def run_nodes(pipeline: pipeline_pb2.Pipeline, on_node: OnNode) -> None:
    """Launches the nodes of a compiled pipeline in their order, as LocalDagRunner does, which reports no progress.

    An executor with a true attribute ``in_another_process`` runs beside the nodes that do not need it. ``on_node`` is
    called before each node, and after each that succeeded, from any thread.

    Raises:
      Exception: what a node raised; no node that needs it is launched.
    """
    nodes = {node.pipeline_node.node_info.id: node.pipeline_node for node in pipeline.nodes}
    launch = _launching(pipeline, on_node)
    beside = {name for name in nodes if _in_another_process(pipeline, name)}
    with telemetry_utils.scoped_labels({telemetry_utils.LABEL_TFX_RUNNER: "local"}), _threads(len(beside)) as start:
        waiting, done = list(nodes), set[str]()
        running: dict[str, Future[None]] = {}

        def finish(names: set[str]) -> None:
            for name in names & running.keys():
                running.pop(name).result()
                done.add(name)

        while waiting:
            for name in [one for one in waiting if one in beside and done.issuperset(nodes[one].upstream_nodes)]:
                waiting.remove(name)
                running[name] = start(launch, nodes[name])
            if not waiting:
                break
            name = waiting.pop(0)
            finish(set(nodes[name].upstream_nodes))
            launch(nodes[name])
            done.add(name)
        finish(set(running))


def _launching(pipeline: pipeline_pb2.Pipeline, on_node: OnNode) -> Callable[[pipeline_pb2.PipelineNode], None]:
    """What launches a node of the pipeline, and reports it."""
    deployment = runner_utils.extract_local_deployment_config(pipeline)
    store = deployment.metadata_connection_config
    connection = getattr(store, store.WhichOneof("connection_config"))
    writing = Lock()

    def launch(node: pipeline_pb2.PipelineNode) -> None:
        name = node.node_info.id
        on_node(name, False)
        launcher = Launcher(
            writing,
            pipeline_node=node,
            mlmd_connection=metadata.Metadata(connection),
            pipeline_info=pipeline.pipeline_info,
            pipeline_runtime_spec=pipeline.runtime_spec,
            executor_spec=runner_utils.extract_executor_spec(deployment, name),
            custom_driver_spec=runner_utils.extract_custom_driver_spec(deployment, name),
        )
        try:
            launcher.launch()
        except BaseException as error:
            note_node(error, name)
            raise
        on_node(name, True)

    return launch


def _in_another_process(pipeline: pipeline_pb2.Pipeline, name: str) -> bool:
    spec = runner_utils.extract_executor_spec(runner_utils.extract_local_deployment_config(pipeline), name)
    path = getattr(spec, "class_path", "")  # of a Python executor
    return bool(path) and getattr(import_utils.import_class_by_path(path), "in_another_process", False)


@contextmanager
def _threads(count: int) -> Iterator[Callable[..., Future[None]]]:
    """What starts a function in a thread; all have ended at the end, early if there is an error."""
    try:
        with ThreadPoolExecutor(max(count, 1), "node") as pool:
            try:
                yield pool.submit
            except BaseException:
                end_running()
                raise
    finally:
        allow_running()  # the next run
