"""The platform document: backend/src/v2/driver/k8s.go, argocompiler/container.go, and what Kubernetes refuses.

Fields are those of KubernetesExecutorConfig in kubernetes_platform/proto/kubernetes_executor_config.proto of KFP 2.17.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.runners.kubeflow.check.findings import Compiled, Finding, check, warning

TEXT, FLAG, NUMBER, TEXTS, MAP = "a string", "true or false", "an integer", "a list of strings", "a map of strings"
PARAMETER = "a parameter"  # ml_pipelines.TaskInputsSpec.InputParameterSpec


def _texts(*fields: str) -> dict[str, str]:
    return dict.fromkeys(fields, TEXT)


# Field -> its type; a dict is a message, a list of one is a repeated message.
_SECRET = {"secretName": TEXT, "secretNameParameter": PARAMETER}
_CONFIG_MAP = {"configMapName": TEXT, "configMapNameParameter": PARAMETER}
_METADATA = {"labels": MAP, "annotations": MAP}
_REQUIREMENT = {**_texts("key", "operator"), "values": TEXTS}
PLATFORM_FIELDS: Mapping[str, Any] = {
    "secretAsVolume": [{**_SECRET, "mountPath": TEXT, "optional": FLAG}],
    "secretAsEnv": [{**_SECRET, "keyToEnv": [_texts("secretKey", "envVar")], "optional": FLAG}],
    "pvcMount": [
        _texts("constant", "componentInputParameter", "mountPath", "subPath")
        | {"taskOutputParameter": PARAMETER, "pvcNameParameter": PARAMETER}
    ],
    "nodeSelector": {"labels": MAP, "nodeSelectorJson": PARAMETER},
    "podMetadata": _METADATA,
    "imagePullSecret": [_SECRET],
    "imagePullPolicy": TEXT,
    "configMapAsVolume": [{**_CONFIG_MAP, "mountPath": TEXT, "optional": FLAG}],
    "configMapAsEnv": [{**_CONFIG_MAP, "keyToEnv": [_texts("configMapKey", "envVar")], "optional": FLAG}],
    "activeDeadlineSeconds": NUMBER,
    "fieldPathAsEnv": [_texts("name", "fieldPath")],
    "tolerations": [
        _texts("key", "operator", "value", "effect") | {"tolerationSeconds": NUMBER, "tolerationJson": PARAMETER}
    ],
    "genericEphemeralVolume": [
        _texts("volumeName", "mountPath", "size", "storageClassName")
        | {"accessModes": TEXTS, "defaultStorageClass": FLAG, "metadata": _METADATA}
    ],
    "nodeAffinity": [
        {"matchExpressions": [_REQUIREMENT], "matchFields": [_REQUIREMENT], "weight": NUMBER}
        | {"nodeAffinityJson": PARAMETER}
    ],
    "podAffinity": [
        {"matchPodExpressions": [_REQUIREMENT], "matchNamespaceExpressions": [_REQUIREMENT]}
        | {"matchPodLabels": MAP, "matchNamespaceLabels": MAP}
        | {"topologyKey": TEXT, "namespaces": TEXTS, "weight": NUMBER, "anti": FLAG}
    ],
    "enabledSharedMemory": _texts("volumeName", "size"),
    "emptyDirMounts": [_texts("volumeName", "mountPath", "medium", "sizeLimit")],
    "securityContext": {"runAsUser": NUMBER, "runAsGroup": NUMBER, "runAsNonRoot": FLAG},
}

# Read from this version on; an earlier backend refuses to run a node that has it. From the protos of the releases of
# kfp-kubernetes 1.5 (KFP 2.5), 2.14, 2.15, 2.16 and 2.17.
_SINCE = {
    "nodeAffinity.nodeAffinityJson": "2.14",
    "secretAsEnv.optional": "2.15",
    "configMapAsEnv.optional": "2.15",
    "pvcMount.subPath": "2.16",
    "securityContext": "2.16",
}

# In the protos, and read by no driver (backend/src/v2/driver/k8s.go).
_NEVER_READ = {
    "enabledSharedMemory": "write an entry of emptyDirMounts with mountPath /dev/shm and medium Memory",
    "podAffinity": "leave it out",
}

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_QUANTITY = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?\d+)?")
_CONTAINER = ("image", "command", "args", "env", "resources", "lifecycle")
_VALUES = {
    "imagePullPolicy": ("Always", "IfNotPresent", "Never"),
    "operator": ("Exists", "Equal", ""),
    "effect": ("NoSchedule", "PreferNoSchedule", "NoExecute", ""),
    "medium": ("", "Memory", "HugePages"),
}
# What the backend mounts into every pod itself.
_TAKEN = {"/gcs", "/s3", "/minio", "/.local", "/.cache", "/.config", "/kfp-launcher"}
_OWN = {"kfp-launcher", "ca-bundle"} | {
    f"{name}-scratch" for name in ("gcs", "s3", "minio", "dot-local", "dot-cache", "dot-config")
}


@check
def check_platform(compiled: Compiled) -> Iterator[Finding]:
    """The pods' Kubernetes settings."""
    for label, config in sorted(compiled.platform.items()):
        where = f"platform of {label}"
        if label not in compiled.executors:
            has = ", ".join(sorted(compiled.executors))
            yield Finding(where, f"matches no executor, so it is ignored; the executors: {has}")
        yield from _message(where, config, PLATFORM_FIELDS, "")
        yield from _volumes(where, config)
        yield from _user(where, config)
        yield from _age(where, config)
    for label, _ in compiled.containers():
        if not any(_entries(compiled.platform.get(label, {}), "emptyDirMounts", "genericEphemeralVolume")):
            message = "has no volume for temporary files: they fill the disk of its node, and the pod may be evicted"
            yield warning(f"executor {label}", message)


def _message(where: str, document: Any, fields: Mapping[str, Any], path: str) -> Iterator[Finding]:
    if not isinstance(document, Mapping):
        yield Finding(where, f"{path.rstrip('.')} must be a mapping, got {document!r}")
        return
    for key, value in document.items():
        name = f"{path}{key}"
        if key not in fields:
            home = "; it belongs in the first document, deploymentSpec.executors" if key in _CONTAINER else ""
            yield Finding(where, f"has no field {name}, and its driver refuses unknown fields{home}")
        elif isinstance(fields[key], Mapping):
            yield from _message(where, value, fields[key], f"{name}.")
        elif isinstance(fields[key], list):
            if not isinstance(value, list):
                yield Finding(where, f"{name} must be a list, got {value!r}")
                continue
            for item in value:
                yield from _message(where, item, fields[key][0], f"{name}.")
        else:
            yield from _scalar(where, name, key, value, fields[key])


def _scalar(where: str, name: str, key: str, value: Any, kind: str) -> Iterator[Finding]:
    right = {
        TEXT: isinstance(value, str),
        FLAG: isinstance(value, bool),
        NUMBER: (isinstance(value, int) and not isinstance(value, bool)) or bool(re.fullmatch(r"-?\d+", str(value))),
        TEXTS: isinstance(value, list) and all(isinstance(one, str) for one in value),
        MAP: isinstance(value, Mapping) and all(isinstance(one, str) for pair in value.items() for one in pair),
        PARAMETER: isinstance(value, Mapping),
    }[kind]
    if not right:
        yield Finding(where, f"{name} must be {kind}, got {value!r}")
    elif key in _VALUES and value not in _VALUES[key]:
        yield Finding(where, f"{name} must be one of {', '.join(filter(None, _VALUES[key]))}, got {value}")
    elif key in ("sizeLimit", "size") and value and not _QUANTITY.fullmatch(value):
        yield Finding(where, f"{name} must be a quantity such as 10Gi, got {value}: its driver fails")


def _entries(config: Mapping[str, Any], *names: str) -> Iterator[Mapping[str, Any]]:
    for name in names:
        several = config.get(name)
        for entry in several if isinstance(several, list) else ():
            if isinstance(entry, Mapping):
                yield entry


# Field -> (what names the volume, in which entries; the name of the claim or secret becomes the volume's).
_NAMED = {
    "pvcMount": ("constant", "pvcNameParameter", "taskOutputParameter", "componentInputParameter"),
    "secretAsVolume": ("secretName", "secretNameParameter"),
    "configMapAsVolume": ("configMapName", "configMapNameParameter"),
    "emptyDirMounts": ("volumeName",),
    "genericEphemeralVolume": ("volumeName",),
}


def _volumes(where: str, config: Mapping[str, Any]) -> Iterator[Finding]:
    volumes: dict[str, str] = {}
    paths: set[str] = set()
    for field, names in _NAMED.items():
        for entry in _entries(config, field):
            named = [entry[name] for name in names if entry.get(name)]
            if not named:
                yield Finding(where, f"{field}: an entry has no {names[0]}: its driver fails")
                continue
            path = str(entry.get("mountPath") or "").rstrip("/")
            if not path:
                yield Finding(where, f"{field}: {named[0]} has no mountPath")
            elif path in paths:
                yield Finding(where, f"mounts two volumes at {path}")
            elif path in _TAKEN:
                yield Finding(where, f"mounts {named[0]} at {path}, where the backend mounts its own folder")
            paths.add(path)
            name = entry.get(names[0])
            if not isinstance(name, str):
                continue
            if not _LABEL.fullmatch(name):
                rule = "lower-case letters, digits and -, 63 at most, no dots"
                yield Finding(where, f"{field}: {name} becomes a volume's name: {rule}")
            elif name in _OWN or volumes.get(name, field) != field:
                other = "the backend's own" if name in _OWN else f"of {volumes[name]} too"
                yield Finding(where, f"{field}: {name} is the name of a volume that is {other}: no pod is created")
            volumes[name] = field
    for entry in _entries(config, "secretAsEnv", "configMapAsEnv", "imagePullSecret"):
        if not any(str(key).endswith(("Name", "NameParameter")) and value for key, value in entry.items()):
            yield Finding(where, f"an entry has no secret and no config map: its driver fails: {dict(entry)}")


def _user(where: str, config: Mapping[str, Any]) -> Iterator[Finding]:
    context = config.get("securityContext")
    if isinstance(context, Mapping) and (str(context.get("runAsUser")) == "0" or context.get("runAsNonRoot") is False):
        yield Finding(where, "runs as root, which KFP 2.16.1 and later refuses: set runAsUser to another user")


def _age(where: str, config: Mapping[str, Any]) -> Iterator[Finding]:
    for field, instead in _NEVER_READ.items():
        if field in config:
            yield Finding(where, f"{field} is read by no backend up to 2.17; {instead}")
    for path, version in _SINCE.items():
        field, _, inner = path.partition(".")
        if any(inner in entry for entry in _entries(config, field)) if inner else field in config:
            yield warning(where, f"{path} needs KFP {version} or later: an earlier one refuses to run the node")
