"""The graph on one machine: LocalDagRunner, sqlite metadata, Beam's in-process runner."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.compiler import compiler, constants
from tfx.orchestration import metadata
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.portable import runtime_parameter_utils

from pipeline.config import Config
from pipeline.graph import Site, create_pipeline

OnNode = Callable[[str, bool], None]  # (node id, whether it has finished)


def sqlite(path: Path) -> metadata_store_pb2.ConnectionConfig:
    """The connection to a metadata store in a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return metadata.sqlite_metadata_connection_config(str(path))


def run(config: Config, site: Site, on_node: OnNode) -> None:
    """Runs the graph to its end under ``site.run_id``; ``on_node`` hears of each node's start and finish.

    Raises:
      Exception: what a node raised; nothing downstream of it has run.
    """
    pipeline = compiler.Compiler().compile(create_pipeline(config, site))
    runtime_parameter_utils.substitute_runtime_parameter(
        pipeline, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: site.run_id}
    )
    with _listening(on_node):
        LocalDagRunner().run_with_ir(pipeline)


class _NodeMessages(logging.Handler):
    """The runner tells of its nodes in its log alone."""

    def __init__(self, on_node: OnNode) -> None:
        super().__init__(logging.INFO)
        self._on_node = on_node

    def emit(self, record: logging.LogRecord) -> None:
        if record.msg in ("Component %s is running.", "Component %s is finished.") and record.args:
            self._on_node(str(record.args[0]), record.msg.endswith("finished."))  # type: ignore[index]


@contextmanager
def _listening(on_node: OnNode) -> Iterator[None]:
    logger, handler = logging.getLogger("absl"), _NodeMessages(on_node)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
