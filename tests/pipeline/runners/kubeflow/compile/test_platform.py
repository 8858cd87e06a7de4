from pipeline.config.kubeflow import KubeflowSettings, NodeResources, SecretMount, Toleration, VolumeMount
from pipeline.runners.kubeflow.compile.platform import executor_config, platform_document

BARE = {"default": NodeResources(scratch=None)}


def test_what_is_not_asked_for_is_not_there():
    assert executor_config("Pusher", KubeflowSettings(resources=BARE)) == {}


def test_volumes_and_secrets():
    settings = KubeflowSettings(
        resources=BARE,
        volumes=(
            VolumeMount(claim="images", path="/data"),
            VolumeMount(claim="shared", path="/serving", sub_path="siamese"),
        ),
        secrets=(
            SecretMount(name="store", env={"key": "AWS_SECRET_ACCESS_KEY", "id": "AWS_ACCESS_KEY_ID"}),
            SecretMount(name="gcp", path="/etc/gcp", optional=True),
        ),
    )

    assert executor_config("Pusher", settings) == {
        "pvcMount": [
            {"constant": "images", "mountPath": "/data"},
            {"constant": "shared", "mountPath": "/serving", "subPath": "siamese"},
        ],
        "secretAsEnv": [
            {
                "secretName": "store",
                "keyToEnv": [
                    {"secretKey": "id", "envVar": "AWS_ACCESS_KEY_ID"},
                    {"secretKey": "key", "envVar": "AWS_SECRET_ACCESS_KEY"},
                ],
            }
        ],
        "secretAsVolume": [{"secretName": "gcp", "mountPath": "/etc/gcp", "optional": True}],
    }


def test_a_volume_or_secret_may_be_for_some_nodes_alone():
    settings = KubeflowSettings(
        resources=BARE,
        volumes=(VolumeMount(claim="images", path="/data", nodes=("ImageExampleGen",)),),
        secrets=(SecretMount(name="store", path="/store", nodes=("Pusher", "Baseline")),),
    )

    assert set(executor_config("ImageExampleGen", settings)) == {"pvcMount"}
    assert set(executor_config("Pusher", settings)) == {"secretAsVolume"}
    assert executor_config("Trainer", settings) == {}


def test_only_nodes_with_gpus_go_to_nodes_with_gpus():
    settings = KubeflowSettings(
        resources={**BARE, "Trainer": NodeResources(gpus=1, scratch=None, shared_memory="2Gi")},
        gpu={"node_selector": {"gpu": "h100"}},
        node_selector={"pool": "batch"},
        tolerations=(Toleration(key="spot", operator="Equal", value="yes", effect="NoExecute", toleration_seconds=0),),
    )
    spot = {"key": "spot", "operator": "Equal", "value": "yes", "effect": "NoExecute", "tolerationSeconds": "0"}

    assert executor_config("Pusher", settings) == {
        "nodeSelector": {"labels": {"pool": "batch"}},
        "tolerations": [spot],
    }
    assert executor_config("Trainer", settings) == {
        "nodeSelector": {"labels": {"pool": "batch", "gpu": "h100"}},
        "tolerations": [spot, {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
        "emptyDirMounts": [{"volumeName": "shm", "mountPath": "/dev/shm", "medium": "Memory", "sizeLimit": "2Gi"}],
    }


def test_the_rest_of_the_pod():
    settings = KubeflowSettings(
        resources={"default": NodeResources(scratch="5Gi")},
        labels={"team": "vision"},
        image_pull_policy="Always",
        image_pull_secrets=("registry",),
        timeout=3600,
        run_as_user=1000,
    )

    assert executor_config("Pusher", settings) == {
        "podMetadata": {"labels": {"team": "vision"}},
        "imagePullSecret": [{"secretName": "registry"}],
        "imagePullPolicy": "Always",
        "activeDeadlineSeconds": "3600",
        "emptyDirMounts": [{"volumeName": "scratch", "mountPath": "/scratch", "sizeLimit": "5Gi"}],
        "securityContext": {"runAsUser": "1000", "runAsNonRoot": True},
    }


def test_the_document_is_by_executor_label():
    spec = {
        "root": {"dag": {"tasks": {"Pusher": {"componentRef": {"name": "comp-pusher"}}}}},
        "components": {"comp-pusher": {"executorLabel": "exec-pusher"}},
        "deploymentSpec": {"executors": {"exec-pusher": {"container": {"image": "i"}}}},
    }
    document = platform_document(spec, KubeflowSettings(resources=BARE, image_pull_policy="Never"))

    executors = {"exec-pusher": {"imagePullPolicy": "Never"}}
    assert document == {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}
