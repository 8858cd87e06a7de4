"""The second document of the YAML: what only Kubernetes knows of, such as volumes, secrets and tolerations.

Keys are those of ``kfp_kubernetes.KubernetesExecutorConfig`` as protobuf's JSON has them.
"""

from typing import Any

from pipeline.config.kubeflow import KubeflowSettings, NodeResources, SecretMount, Toleration
from pipeline.runners.kubeflow.compile.passes import SCRATCH, Spec, containers, executor_label


def platform_document(spec: Spec, settings: KubeflowSettings) -> Spec:
    """The platform document of a pipeline specification: one entry an executor."""
    executors = {executor_label(spec, node): executor_config(node, settings) for node, _ in containers(spec)}
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}


def executor_config(node: str, settings: KubeflowSettings) -> Spec:
    """What the pod of a node needs of Kubernetes; keys without a value are left out."""
    asked = settings.resources_of(node)
    on_gpu = asked.gpus > 0
    selector = {**settings.node_selector, **(settings.gpu.node_selector if on_gpu else {})}
    tolerations = settings.tolerations + (settings.gpu.tolerations if on_gpu else ())
    secrets = [secret for secret in settings.secrets if secret.is_for(node)]
    files = [secret for secret in secrets if secret.path]
    variables = [secret for secret in secrets if secret.env]
    config: Spec = {
        "pvcMount": [
            {"constant": volume.claim, "mountPath": volume.path, **_given(subPath=volume.sub_path)}
            for volume in settings.volumes
            if volume.is_for(node)
        ],
        "secretAsVolume": [
            {"secretName": secret.name, "mountPath": secret.path, **_given(optional=secret.optional)}
            for secret in files
        ],
        "secretAsEnv": [_secret_variables(secret) for secret in variables],
        "nodeSelector": {"labels": selector} if selector else None,
        "tolerations": [_toleration(toleration) for toleration in tolerations],
        "podMetadata": _given(labels=settings.labels, annotations=settings.annotations),
        "imagePullSecret": [{"secretName": name} for name in settings.image_pull_secrets],
        "imagePullPolicy": settings.image_pull_policy,
        "activeDeadlineSeconds": str(settings.timeout) if settings.timeout else None,  # an int64
        "emptyDirMounts": _folders(asked),
        "securityContext": (
            {"runAsUser": str(settings.run_as_user), "runAsNonRoot": True} if settings.run_as_user else None
        ),
    }
    return _given(**config)


def _folders(asked: NodeResources) -> list[Spec]:
    """Volumes of the pod's own: the specification has no field for ephemeral storage.

    The configuration's ``enabledSharedMemory`` is read by no backend up to 2.17.
    """
    scratch = {"volumeName": "scratch", "mountPath": SCRATCH, "sizeLimit": asked.scratch}
    memory = {"volumeName": "shm", "mountPath": "/dev/shm", "medium": "Memory", "sizeLimit": asked.shared_memory}
    return [folder for folder in (scratch, memory) if folder["sizeLimit"]]


def _secret_variables(secret: SecretMount) -> Spec:
    variables = [{"secretKey": key, "envVar": name} for key, name in sorted(secret.env.items())]
    # Only where asked for: a backend before 2.15 knows no optional here, and refuses what it does not know.
    return {"secretName": secret.name, "keyToEnv": variables, **_given(optional=secret.optional)}


def _toleration(toleration: Toleration) -> Spec:
    seconds = toleration.toleration_seconds
    return _given(
        key=toleration.key,
        operator=toleration.operator,
        value=toleration.value,
        effect=toleration.effect,
        tolerationSeconds=None if seconds is None else str(seconds),  # an int64
    )


def _given(**fields: Any) -> Spec:
    return {name: value for name, value in fields.items() if value}
