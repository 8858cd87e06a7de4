"""The platform document, the second of the YAML: Kubernetes settings such as volumes, secrets and tolerations.

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
    """The Kubernetes settings of a node's pod; keys without a value are omitted."""
    request = settings.resources_of(node)
    on_gpu = request.gpus > 0
    selector = {**settings.node_selector, **(settings.gpu.node_selector if on_gpu else {})}
    tolerations = settings.tolerations + (settings.gpu.tolerations if on_gpu else ())
    secrets = [secret for secret in settings.secrets if secret.is_for(node)]
    return _present(
        pvcMount=[
            {"constant": volume.claim, "mountPath": volume.path, **_present(subPath=volume.sub_path)}
            for volume in settings.volumes
            if volume.is_for(node)
        ],
        secretAsVolume=[
            {"secretName": secret.name, "mountPath": secret.path, **_present(optional=secret.optional)}
            for secret in secrets
            if secret.path
        ],
        secretAsEnv=[_secret_variables(secret) for secret in secrets if secret.env],
        nodeSelector=_present(labels=selector),
        tolerations=[_toleration(toleration) for toleration in tolerations],
        podMetadata=_present(labels=settings.labels, annotations=settings.annotations),
        imagePullSecret=[{"secretName": name} for name in settings.image_pull_secrets],
        imagePullPolicy=settings.image_pull_policy,
        activeDeadlineSeconds=str(settings.timeout) if settings.timeout else None,  # an int64
        emptyDirMounts=_folders(request),
        securityContext={"runAsUser": str(settings.run_as_user), "runAsNonRoot": True}
        if settings.run_as_user
        else None,
    )


def _folders(request: NodeResources) -> list[Spec]:
    """Empty volumes of the pod: the specification has no field for ephemeral storage.

    The configuration's ``enabledSharedMemory`` is read by no backend up to 2.17.
    """
    scratch = {"volumeName": "scratch", "mountPath": SCRATCH, "sizeLimit": request.scratch}
    memory = {"volumeName": "shm", "mountPath": "/dev/shm", "medium": "Memory", "sizeLimit": request.shared_memory}
    return [folder for folder in (scratch, memory) if folder["sizeLimit"]]


def _secret_variables(secret: SecretMount) -> Spec:
    variables = [{"secretKey": key, "envVar": name} for key, name in sorted(secret.env.items())]
    # Only where requested: a backend before 2.15 has no such field, and refuses unknown fields.
    return {"secretName": secret.name, "keyToEnv": variables, **_present(optional=secret.optional)}


def _toleration(toleration: Toleration) -> Spec:
    seconds = toleration.toleration_seconds
    return _present(
        key=toleration.key,
        operator=toleration.operator,
        value=toleration.value,
        effect=toleration.effect,
        tolerationSeconds=None if seconds is None else str(seconds),  # an int64
    )


def _present(**fields: Any) -> Spec:
    return {name: value for name, value in fields.items() if value}
