"""TFX's InfraValidator with the real TensorFlow Serving image, where there is Docker or a cluster."""

from typing import Any

import docker
from kubernetes.config import ConfigException
from tfx.components.infra_validator import executor as stock
from tfx.components.infra_validator.component import InfraValidator
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.proto import infra_validator_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.types.channel import BaseChannel
from tfx.types.component_spec import ChannelParameter
from tfx.utils import kube_utils, proto_utils

from components.artifact_types import Artifacts, GateVerdict
from components.component import Component
from components.gates.serving_validator.executor import GATE
from components.gates.serving_validator.settings import ServingValidatorSettings
from components.run_outcome.artifacts import write_verdict
from components.run_outcome.verdict import GateResult
from models.data import features
from models.errors import UserError

MODEL_NAME = "siamese"


class TensorFlowServingValidatorSpec(standard_component_specs.InfraValidatorSpec):
    """The stock specification; the verdict is an output more."""

    OUTPUTS = {
        **standard_component_specs.InfraValidatorSpec.OUTPUTS,
        "verdict": ChannelParameter(type=GateVerdict),
    }


class Executor(stock.Executor):
    """The stock executor, and its verdict where the other gates have theirs."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """As the stock one; it would take a missing engine for a model that does not load.

        Raises:
          UserError: there is no Docker engine, or this is no pod of Kubeflow.
        """
        _check_platform(exec_properties[standard_component_specs.SERVING_SPEC_KEY])
        super().Do(input_dict, output_dict, exec_properties)
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        passed = blessing.get_int_custom_property("blessed") == 1
        reason = "TensorFlow Serving loaded the model and answered"
        if not passed:
            reason = "TensorFlow Serving did not load the model, or did not answer; why is in the run's log"
        verdict = artifact_utils.get_single_instance(output_dict["verdict"])
        write_verdict(verdict, [GateResult(name=GATE, passed=passed, reason=reason)])


class TensorFlowServingValidator(Component, InfraValidator):
    """Starts the configured image on the model and sends test pairs to ``serving_default``.

    The image replays the warm-up file itself. TFX runs this with Docker on the machine, or inside an Argo pod; its
    Kubeflow v2 compiler raises NotImplementedError for every InfraValidator.

    Args:
      settings: ``runtime`` is "docker" or "kubernetes"; ``canaries`` is how many pairs are sent.
      **channels: ``model``, the candidate; ``examples``, pairs whose test split carries pixels.
    """

    SPEC_CLASS = TensorFlowServingValidatorSpec
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)

    def __init__(self, settings: ServingValidatorSettings, **channels: BaseChannel) -> None:
        super().__init__(
            serving_spec=serving_spec(settings),
            validation_spec=infra_validator_pb2.ValidationSpec(
                max_loading_time_seconds=max(1, round(settings.timeout)), num_tries=2
            ),
            request_spec=request_spec(settings),
            **channels,
        )


def _check_platform(serialized: str) -> None:
    spec = infra_validator_pb2.ServingSpec()
    proto_utils.json_to_proto(serialized, spec)
    if spec.WhichOneof("serving_platform") == "kubernetes":
        if not _is_inside_kubeflow():
            raise UserError(
                'serving_validator.runtime: "kubernetes" works inside a Kubeflow pod only; use "process"',
                code="serve-no-platform",
            )
        return
    try:
        docker.from_env().ping()
    except docker.errors.DockerException as error:
        message = f'serving_validator.runtime: no Docker engine answers ({error}); use "process"'
        raise UserError(message, code="serve-no-platform") from None


def _is_inside_kubeflow() -> bool:
    try:
        return bool(kube_utils.is_inside_kfp())
    except ConfigException:  # not inside a cluster, and none is configured
        return False


def serving_spec(settings: ServingValidatorSettings) -> infra_validator_pb2.ServingSpec:
    """Which image, and where it runs. An image is ``name``, ``name:tag`` or ``name@sha256:digest``."""
    name, _, digest = settings.image.partition("@")
    tag = ""
    if not digest and ":" in name.rpartition("/")[2]:  # before the last slash it is a registry's port
        name, _, tag = name.rpartition(":")
    image = infra_validator_pb2.TensorFlowServing(image_name=name)
    (image.digests if digest else image.tags).append(digest or tag or "latest")
    spec = infra_validator_pb2.ServingSpec(model_name=MODEL_NAME, tensorflow_serving=image)
    if settings.runtime == "docker":
        spec.local_docker.SetInParent()
    else:
        spec.kubernetes.SetInParent()
    return spec


def request_spec(settings: ServingValidatorSettings) -> infra_validator_pb2.RequestSpec:
    """Which requests: TFX can build those of a signature with one string input, and so of ``serving_default`` alone."""
    return infra_validator_pb2.RequestSpec(
        tensorflow_serving=infra_validator_pb2.TensorFlowServingRequestSpec(signature_names=["serving_default"]),
        split_name=features.TEST,
        num_examples=settings.canaries,
    )
