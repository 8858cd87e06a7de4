"""Fields of KubernetesExecutorConfig up to KFP 2.17 (kubernetes_platform/proto/kubernetes_executor_config.proto)."""

from collections.abc import Mapping
from typing import Any

TEXT, FLAG, NUMBER, TEXTS, MAP = "a string", "true or false", "an integer", "a list of strings", "a map of strings"
PARAMETER = "a parameter"  # ml_pipelines.TaskInputsSpec.InputParameterSpec

# Field -> its type; a dict is a message, a list of one is a repeated message.
_REQUIREMENT = {"key": TEXT, "operator": TEXT, "values": TEXTS}
PLATFORM_FIELDS: Mapping[str, Any] = {
    "secretAsVolume": [{"secretName": TEXT, "mountPath": TEXT, "optional": FLAG, "secretNameParameter": PARAMETER}],
    "secretAsEnv": [
        {
            "secretName": TEXT,
            "keyToEnv": [{"secretKey": TEXT, "envVar": TEXT}],
            "optional": FLAG,
            "secretNameParameter": PARAMETER,
        }
    ],
    "pvcMount": [
        {
            "taskOutputParameter": PARAMETER,
            "constant": TEXT,
            "componentInputParameter": TEXT,
            "mountPath": TEXT,
            "pvcNameParameter": PARAMETER,
            "subPath": TEXT,
        }
    ],
    "nodeSelector": {"labels": MAP, "nodeSelectorJson": PARAMETER},
    "podMetadata": {"labels": MAP, "annotations": MAP},
    "imagePullSecret": [{"secretName": TEXT, "secretNameParameter": PARAMETER}],
    "imagePullPolicy": TEXT,
    "configMapAsVolume": [
        {"configMapName": TEXT, "mountPath": TEXT, "optional": FLAG, "configMapNameParameter": PARAMETER}
    ],
    "configMapAsEnv": [
        {
            "configMapName": TEXT,
            "keyToEnv": [{"configMapKey": TEXT, "envVar": TEXT}],
            "configMapNameParameter": PARAMETER,
            "optional": FLAG,
        }
    ],
    "activeDeadlineSeconds": NUMBER,
    "fieldPathAsEnv": [{"name": TEXT, "fieldPath": TEXT}],
    "tolerations": [
        {
            "key": TEXT,
            "operator": TEXT,
            "value": TEXT,
            "effect": TEXT,
            "tolerationSeconds": NUMBER,
            "tolerationJson": PARAMETER,
        }
    ],
    "genericEphemeralVolume": [
        {
            "volumeName": TEXT,
            "mountPath": TEXT,
            "accessModes": TEXTS,
            "size": TEXT,
            "defaultStorageClass": FLAG,
            "storageClassName": TEXT,
            "metadata": {"labels": MAP, "annotations": MAP},
        }
    ],
    "nodeAffinity": [
        {
            "matchExpressions": [_REQUIREMENT],
            "matchFields": [_REQUIREMENT],
            "weight": NUMBER,
            "nodeAffinityJson": PARAMETER,
        }
    ],
    "podAffinity": [
        {
            "matchPodExpressions": [_REQUIREMENT],
            "matchPodLabels": MAP,
            "topologyKey": TEXT,
            "namespaces": TEXTS,
            "matchNamespaceExpressions": [_REQUIREMENT],
            "matchNamespaceLabels": MAP,
            "weight": NUMBER,
            "anti": FLAG,
        }
    ],
    "enabledSharedMemory": {"volumeName": TEXT, "size": TEXT},
    "emptyDirMounts": [{"volumeName": TEXT, "mountPath": TEXT, "medium": TEXT, "sizeLimit": TEXT}],
    "securityContext": {"runAsUser": NUMBER, "runAsGroup": NUMBER, "runAsNonRoot": FLAG},
}

# Read from this version on; an earlier backend refuses to run a node that has it. From the protos of the releases of
# kfp-kubernetes 1.5 (KFP 2.5), 2.14, 2.15, 2.16 and 2.17.
SINCE: Mapping[str, str] = {
    "nodeAffinity.nodeAffinityJson": "2.14",
    "secretAsEnv.optional": "2.15",
    "configMapAsEnv.optional": "2.15",
    "pvcMount.subPath": "2.16",
    "securityContext": "2.16",
}

# In the protos, and read by no driver (backend/src/v2/driver/k8s.go).
NEVER_READ: Mapping[str, str] = {
    "enabledSharedMemory": "write an entry of emptyDirMounts with mountPath /dev/shm and medium Memory",
    "podAffinity": "leave it out",
}
