"""From the configuration to the file that the open-source backend runs: the same graph, compiled and mended."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from tfx.dsl.components.base.base_node import BaseNode
from tfx.orchestration.data_types import RuntimeParameter
from tfx.orchestration.kubeflow.v2.kubeflow_v2_dag_runner import KubeflowV2DagRunner, KubeflowV2DagRunnerConfig
from tfx.orchestration.pipeline import Pipeline
from tfx.utils import name_utils

from models.errors import UserError
from pipeline.config.configuration import DIGITS, Config
from pipeline.config.kubeflow import DEFAULT, KubeflowSettings
from pipeline.environment.run_environment import RunEnvironment
from pipeline.graph import create_pipeline
from pipeline.runners.kubeflow.check import go_yaml
from pipeline.runners.kubeflow.check.check import faults
from pipeline.runners.kubeflow.check.finding import Fault, lines
from pipeline.runners.kubeflow.compile import passes
from pipeline.runners.kubeflow.compile.platform import platform_document

ENTRYPOINT = ("python", "-m", "pipeline.runners.kubeflow.entrypoint")
RUN_ID = "{{$.pipeline_job_uuid}}"  # which the backend replaces in a parameter that is this and nothing else
CONDITIONS = {"NewData": "enough"}  # node -> the Boolean of its outputs without which what waits for it is skipped
AT_RUN_TIME = "read when the node runs"  # what a local run puts into cache keys; here those nodes are never cached


@dataclass(frozen=True)
class CompiledPipeline:
    """The two documents of the file, as protobuf's JSON has them.

    Attributes:
      spec: ``ml_pipelines.PipelineSpec``.
      platform: ``ml_pipelines.PlatformSpec``.
    """

    spec: dict[str, Any]
    platform: dict[str, Any]

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
            raise UserError(f"{path}: cannot be written: {error.strerror}") from None

    def faults(self) -> list[Fault]:
        """What the backend would refuse, or somebody may be sorry for."""
        return faults([self.spec, self.platform])

    def text(self) -> str:
        """The YAML: the pipeline, then what only Kubernetes knows of."""
        return go_yaml.dump_all([self.spec, self.platform])


def compile_pipeline(config: Config, image: str | None = None, pipeline_root: str | None = None) -> CompiledPipeline:
    """The graph of ``config`` for a cluster.

    Args:
      config: its ``kubeflow`` section says what the pods are like.
      image: of every node; default: ``kubeflow.image``.
      pipeline_root: where artifacts go; default: ``kubeflow.pipeline_root``.

    Raises:
      UserError: something that a cluster needs is not configured, or is a place that the pods do not see; or the
        backend would refuse the outcome.
    """
    settings = config.kubeflow
    image, root = image or settings.image, pipeline_root or settings.pipeline_root
    if not image:
        raise UserError("no container image: say --image, or set kubeflow.image")
    if not root or root.partition("://")[0] not in ("gs", "s3", "minio"):
        raise UserError(
            f"--pipeline-root {root or ''}: must be a gs://, s3:// or minio:// address (or set kubeflow.pipeline_root)"
        )
    pipeline = create_pipeline(config, _environment(config, root))
    _check_nodes(settings, pipeline)
    _check_validator(config)
    for split, address in config.pairs.protocol.given().items():
        if "://" not in address:
            _visible(f"pairs.protocol.{split}", address, settings, "ImageExampleGen", "PairGenerator")
    compiled = compile_tfx(pipeline, settings, image, root, _defaults(config))
    if errors := [fault for fault in compiled.faults() if fault.severity == "error"]:
        raise UserError("the cluster would not run this pipeline:\n" + "\n".join(lines(errors)))
    return compiled


def compile_tfx(
    pipeline: Pipeline, settings: KubeflowSettings, image: str, root: str, defaults: dict[str, str | int | float]
) -> CompiledPipeline:
    """Any TFX pipeline for the open-source backend, with our entrypoint in every container.

    Args:
      pipeline: without Resolvers, which the backend does not implement.
      settings: what the pods are like.
      image: of every node; ``pipeline.runners.kubeflow.entrypoint`` must be importable in it.
      root: where artifacts go.
      defaults: the values of the pipeline's runtime parameters where a run gives no others.
    """
    runner = KubeflowV2DagRunner(
        KubeflowV2DagRunnerConfig(default_image=image, default_commands=list(ENTRYPOINT), use_pipeline_spec_2_1=True)
    )
    spec: dict[str, Any] = runner.run(pipeline, write_out=False)["pipelineSpec"]
    types = {node.id: _types(node) for node in pipeline.components}
    for mend in (
        passes.schema_2_1,
        passes.pipeline_root(root),
        passes.drivers_in_the_entrypoint,
        passes.entrypoint_arguments(types),
        passes.parameter_defaults(defaults),
        passes.caching,
        passes.conditions(CONDITIONS),
        passes.retries(settings.retries),
        passes.resources(settings),
        passes.environment(settings),
    ):
        mend(spec)
    return CompiledPipeline(spec, platform_document(spec, settings))


def _types(node: BaseNode) -> dict[str, dict[str, str]]:
    return {
        direction: {key: name_utils.get_full_name(channel.type) for key, channel in channels.items()}
        for direction, channels in (("inputs", node.inputs), ("outputs", node.outputs))
    }


def _defaults(config: Config) -> dict[str, str | int | float]:
    ignored = config.gates.ignore_baseline
    return {"data_root": _data_root(config), "ignore_baseline": -1 if ignored is None else ignored}


def _environment(config: Config, root: str) -> RunEnvironment:
    defaults = _defaults(config)
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
        raise UserError(
            "no images that a pod could see: set data.source to gs://, s3://, or a folder of a volume "
            "(kubeflow.volumes)"
        )
    if "://" in source:
        return source
    return _visible("data.source", source, config.kubeflow, "ImageExampleGen")


def _serving_dir(config: Config) -> str:
    folder = config.push.serving_dir
    if folder is None:
        raise UserError("no serving folder: set push.serving_dir to gs://, s3://, or a folder of a volume")
    return folder if "://" in folder else _visible("push.serving_dir", folder, config.kubeflow, "Baseline", "Pusher")


def _checkpoints(config: Config) -> str | None:
    folder = config.kubeflow.checkpoints
    nodes = ("Trainer", "Tuner") if config.search else ("Trainer",)
    return _visible("kubeflow.checkpoints", folder, config.kubeflow, *nodes) if folder else None


def _visible(key: str, folder: str, settings: KubeflowSettings, *nodes: str) -> str:
    """The folder, if it lies in a volume that the pods of these nodes mount."""
    for node in nodes:
        mounted = [volume.path for volume in settings.volumes if volume.is_for(node)]
        if not any(PurePosixPath(folder).is_relative_to(path) for path in mounted):
            told = ", ".join(mounted) or "none"
            raise UserError(f"{key} {folder}: lies in no volume that {node} mounts (kubeflow.volumes: {told})")
    return folder


def _check_nodes(settings: KubeflowSettings, pipeline: Pipeline) -> None:
    nodes = [node.id for node in pipeline.components]
    named = [(f"kubeflow.resources.{name}", name) for name in settings.resources if name != DEFAULT]
    for key, mounts in (("volumes", settings.volumes), ("secrets", settings.secrets)):
        named += [(f"kubeflow.{key}.nodes {name}", name) for mount in mounts for name in mount.nodes]
    for told, name in named:
        if name not in nodes:
            raise UserError(f"{told}: no such node; allowed: {', '.join(nodes)}")


def _check_validator(config: Config) -> None:
    if config.serving_validator.runtime != "process":
        raise UserError(
            f"serving_validator.runtime {config.serving_validator.runtime}: TFX cannot compile its InfraValidator for "
            "Kubeflow v2; leave it at process"
        )
