"""Compiles a configuration for Kubeflow Pipelines: the same graph, adapted to the open-source backend."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from tfx.dsl.components.base.base_node import BaseNode
from tfx.orchestration.data_types import RuntimeParameter
from tfx.orchestration.kubeflow.v2.kubeflow_v2_dag_runner import KubeflowV2DagRunner, KubeflowV2DagRunnerConfig
from tfx.orchestration.pipeline import Pipeline
from tfx.utils import name_utils

from components.run_outcome.settings import FailureAlerts
from models.addresses import is_address
from models.errors import UserError
from pipeline.config.configuration import DIGITS, Config
from pipeline.config.kubeflow import DEFAULT, KubeflowSettings
from pipeline.environment.run_environment import RunEnvironment
from pipeline.graph import create_pipeline
from pipeline.runners.kubeflow.check import Finding, errors, findings, go_yaml, lines
from pipeline.runners.kubeflow.check.executors import ENTRYPOINT
from pipeline.runners.kubeflow.check.parsing import SCHEMA_VERSION
from pipeline.runners.kubeflow.compile.passes import PASSES, Target
from pipeline.runners.kubeflow.compile.platform import platform_document

RUN_ID = "{{$.pipeline_job_uuid}}"  # replaced by the backend where it is the entire value of a parameter
AT_RUN_TIME = "read when the node runs"  # in place of a local run's cache keys: on a cluster these nodes are not cached


@dataclass(frozen=True)
class CompiledPipeline:
    """The two documents of the file, as protobuf's JSON has them."""

    spec: dict[str, Any]  # ml_pipelines.PipelineSpec
    platform: dict[str, Any]  # ml_pipelines.PlatformSpec

    def write(self, path: Path) -> None:
        """Writes the file in one step.

        Raises:
          UserError: it cannot be written there.
        """
        staging = path.with_name(f".{path.name}.staging")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            staging.write_text(self.text(), encoding="utf-8")
            staging.replace(path)
        except OSError as error:
            raise UserError(f"{path}: cannot be written: {error.strerror}", code="kubeflow-file-unwritable") from None

    def findings(self) -> list[Finding]:
        """What the backend would refuse or fail to run, and warnings."""
        return findings([self.spec, self.platform])

    def text(self) -> str:
        """The YAML: the pipeline specification, then the platform specification."""
        return go_yaml.dump_all([self.spec, self.platform])


def compile_pipeline(config: Config, image: str | None = None, pipeline_root: str | None = None) -> CompiledPipeline:
    """The graph of ``config`` for a cluster; arguments go before its ``kubeflow`` section.

    Raises:
      UserError: a setting that a cluster needs is missing, or is a folder that the pods do not mount; or the backend
        would refuse the compiled pipeline.
    """
    settings = config.kubeflow
    image, root = image or settings.image, pipeline_root or settings.pipeline_root
    if not image:
        raise UserError("no container image: set --image or kubeflow.image", code="kubeflow-no-image")
    if not root or root.partition("://")[0] not in ("gs", "s3", "minio"):
        message = "must be a gs://, s3:// or minio:// address (or set kubeflow.pipeline_root)"
        raise UserError(f"--pipeline-root {root or ''}: {message}", code="kubeflow-pipeline-root")
    defaults: dict[str, str | int | float] = {"data_root": _data_root(config), "ignore_baseline": -1}
    if config.gates.ignore_baseline is not None:
        defaults["ignore_baseline"] = config.gates.ignore_baseline
    pipeline = create_pipeline(config, _environment(config, root, defaults))
    _check_nodes(settings, pipeline)
    if config.serving_validator.runtime != "process":
        message = "TFX cannot compile its InfraValidator for Kubeflow v2; set it to process"
        raise UserError(
            f"serving_validator.runtime {config.serving_validator.runtime}: {message}",
            code="kubeflow-serving-validator",
        )
    for split, address in config.pairs.protocol.given().items():
        if not is_address(address):
            _visible(f"pairs.protocol.{split}", address, settings, "ImageExampleGen", "PairGenerator")
    alerts = FailureAlerts(pipeline=config.name, attempts=settings.retries.attempts + 1, alerts=config.alerts)
    compiled = compile_tfx(pipeline, settings, image, root, defaults, alerts)
    if found := errors(compiled.findings()):
        message = "the cluster would not run this pipeline:\n" + "\n".join(lines(found))
        raise UserError(message, code="kubeflow-check-failed")
    return compiled


def compile_tfx(
    pipeline: Pipeline,
    settings: KubeflowSettings,
    image: str,
    root: str,
    defaults: Mapping[str, str | int | float],
    alerts: FailureAlerts | None = None,
) -> CompiledPipeline:
    """Any TFX pipeline for the open-source backend, with our entrypoint in every container.

    Args:
      pipeline: without Resolvers, which the backend does not implement.
      settings: of the pods.
      image: of every node; ``pipeline.runners.kubeflow.entrypoint`` must be importable in it.
      root: where artifacts go.
      defaults: of the pipeline's runtime parameters.
      alerts: what a failed node needs to report its failure; None: it reports none.

    Raises:
      ValueError: TFX compiled for another schema version, or a runtime parameter has no default.
    """
    runner = KubeflowV2DagRunner(
        KubeflowV2DagRunnerConfig(
            default_image=image, default_commands=["python", "-m", ENTRYPOINT], use_pipeline_spec_2_1=True
        )
    )
    spec: dict[str, Any] = runner.run(pipeline, write_out=False)["pipelineSpec"]
    if spec.get("schemaVersion") != SCHEMA_VERSION:
        raise ValueError(f"TFX compiled for schema {spec.get('schemaVersion')}; the backend accepts {SCHEMA_VERSION}")
    target = Target(settings, root, defaults, {node.id: _types(node) for node in pipeline.components}, alerts)
    for adapt in PASSES:
        adapt(spec, target)
    return CompiledPipeline(spec, platform_document(spec, settings))


def _types(node: BaseNode) -> dict[str, dict[str, str]]:
    return {
        direction: {key: name_utils.get_full_name(channel.type) for key, channel in channels.items()}
        for direction, channels in (("inputs", node.inputs), ("outputs", node.outputs))
    }


def _environment(config: Config, root: str, defaults: Mapping[str, str | int | float]) -> RunEnvironment:
    return RunEnvironment(
        data_root=RuntimeParameter(name="data_root", ptype=str, default=defaults["data_root"]),
        data_digest=AT_RUN_TIME,
        serving_dir=_serving_dir(config),
        served=AT_RUN_TIME,
        artifacts=root,
        run_id=RUN_ID,
        ignore_baseline=RuntimeParameter(name="ignore_baseline", ptype=int, default=defaults["ignore_baseline"]),
        refusal_fails=config.kubeflow.fail_when_refused,
        conditions=True,
        checkpoints=_checkpoints(config),
    )


def _data_root(config: Config) -> str:
    source = config.data.source
    if source is None or source == DIGITS:
        message = "data.source: must be gs://, s3://, or a folder of a volume (kubeflow.volumes) that the pods mount"
        raise UserError(message, code="kubeflow-data-source")
    return source if is_address(source) else _visible("data.source", source, config.kubeflow, "ImageExampleGen")


def _serving_dir(config: Config) -> str:
    folder = config.push.serving_dir
    if folder is None:
        message = "no serving folder: set push.serving_dir to gs://, s3://, or a folder of a volume"
        raise UserError(message, code="kubeflow-no-serving-folder")
    return folder if is_address(folder) else _visible("push.serving_dir", folder, config.kubeflow, "Baseline", "Pusher")


def _checkpoints(config: Config) -> str | None:
    folder = config.kubeflow.checkpoints
    nodes = ("Trainer", "Tuner") if config.search else ("Trainer",)
    return _visible("kubeflow.checkpoints", folder, config.kubeflow, *nodes) if folder else None


def _visible(key: str, folder: str, settings: KubeflowSettings, *nodes: str) -> str:
    """The folder, if it lies in a volume that the pods of these nodes mount."""
    for node in nodes:
        mounted = [volume.path for volume in settings.volumes if volume.is_for(node)]
        if not any(PurePosixPath(folder).is_relative_to(path) for path in mounted):
            message = f"is in no volume that {node} mounts (kubeflow.volumes: {', '.join(mounted) or 'none'})"
            raise UserError(f"{key} {folder}: {message}", code="kubeflow-folder-not-mounted")
    return folder


def _check_nodes(settings: KubeflowSettings, pipeline: Pipeline) -> None:
    nodes = [node.id for node in pipeline.components]
    named = [(f"kubeflow.resources.{name}", name) for name in settings.resources if name != DEFAULT]
    for key, mounts in (("volumes", settings.volumes), ("secrets", settings.secrets)):
        named += [(f"kubeflow.{key}.nodes {name}", name) for mount in mounts for name in mount.nodes]
    for key, name in named:
        if name not in nodes:
            raise UserError(f"{key}: no such node; allowed: {', '.join(nodes)}", code="kubeflow-unknown-node")
