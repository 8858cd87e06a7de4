import pytest
from good_pipeline import good
from planting import container, told

from pipeline.runners.kubeflow.check.check import faults

WHERE = "platform of Trainer_executor"


def trainer(**fields):
    """Gives the Trainer's executor other fields in the platform document."""
    return lambda _, executors: executors["Trainer_executor"].update(fields)


def mounted(**fields):
    return trainer(pvcMount=[{"constant": "images", "mountPath": "/data", **fields}])


@pytest.mark.parametrize(
    ("plant", "sentence"),
    [
        (trainer(tolerationz=[]), "has no field tolerationz, and its driver refuses what it does not know"),
        (
            trainer(resources={}),
            "has no field resources, and its driver refuses what it does not know; it belongs into the",
        ),
        (trainer(tolerations=[{"keys": "x"}]), "has no field tolerations.keys"),
        (trainer(tolerations={"key": "x"}), "tolerations must be a list"),
        (trainer(tolerations=["x"]), "tolerations must be a mapping, got 'x'"),
        (
            trainer(tolerations=[{"operator": "exists"}]),
            "tolerations.operator must be one of Exists, Equal, got exists",
        ),
        (trainer(tolerations=[{"effect": "No"}]), "tolerations.effect must be one of NoSchedule"),
        (trainer(tolerations=[{"tolerationSeconds": "soon"}]), "tolerations.tolerationSeconds must be a whole number"),
        (trainer(imagePullPolicy="always"), "imagePullPolicy must be one of Always, IfNotPresent, Never, got always"),
        (trainer(activeDeadlineSeconds=True), "activeDeadlineSeconds must be a whole number, got True"),
        (trainer(nodeSelector={"labels": {"gpu": True}}), "nodeSelector.labels must be a map of texts"),
        (mounted(mountPath=""), "pvcMount: images has no mountPath"),
        (mounted(constant=""), "pvcMount: an entry has no constant"),
        (mounted(mountPath="/scratch"), "mounts two volumes at /scratch"),
        (mounted(mountPath="/minio/"), "mounts images at /minio, where the backend mounts a folder of its own"),
        (mounted(constant="my.images"), "pvcMount: my.images becomes a volume's name: lower-case letters"),
        (mounted(constant="scratch"), "emptyDirMounts: scratch is the name of a volume that is of pvcMount too"),
        (mounted(constant="gcs-scratch"), "pvcMount: gcs-scratch is the name of a volume that is the backend's own"),
        (
            trainer(secretAsVolume=[{"secretName": "images", "mountPath": "/s"}]),
            "secretAsVolume: images is the name of a volume that is of pvcMount too: no pod is made",
        ),
        (trainer(secretAsVolume=[{"mountPath": "/s"}]), "secretAsVolume: an entry has no secretName"),
        (trainer(secretAsEnv=[{"keyToEnv": []}]), "an entry names no secret and no config map"),
        (
            trainer(emptyDirMounts=[{"volumeName": "s", "mountPath": "/s", "sizeLimit": "10 GB"}]),
            "emptyDirMounts.sizeLimit must be a quantity such as 10Gi, got 10 GB",
        ),
        (
            trainer(emptyDirMounts=[{"volumeName": "s", "mountPath": "/s", "medium": "memory"}]),
            "emptyDirMounts.medium must be one of Memory, HugePages, got memory",
        ),
        (
            trainer(enabledSharedMemory={"size": "2Gi"}),
            "enabledSharedMemory is read by no backend up to 2.17; write an",
        ),
        (trainer(podAffinity=[]), "podAffinity is read by no backend up to 2.17"),
    ],
)
def test_a_planted_fault_is_the_one_error_that_is_told(plant, sentence):
    errors = [fault for fault in told(plant) if fault.severity == "error"]

    assert [fault.where for fault in errors] == [WHERE]
    assert sentence in errors[0].sentence


@pytest.mark.parametrize("context", [{"runAsUser": 0}, {"runAsUser": "0"}, {"runAsNonRoot": False}])
def test_root_is_not_started(context):
    error, since = told(trainer(securityContext=context))

    assert "runs as root, which KFP 2.16.1 and later does not start" in error.sentence
    assert since.severity == "warning"


def test_an_executor_that_nobody_has_is_told():
    (found,) = told(lambda _, executors: executors.update(Tuner_executor=dict(executors["Trainer_executor"])))

    assert found.where == "platform of Tuner_executor"
    assert (
        "is of no executor, so nothing of it is done; the executors: Pusher_executor, Source_executor" in found.sentence
    )


@pytest.mark.parametrize("executors", [1, "x", [1], {"Trainer_executor": None}, {"Trainer_executor": ["x"]}])
def test_a_document_that_does_not_parse_is_passed_over_whole(executors):
    spec, platform = good()
    platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"] = executors

    (found,) = [fault for fault in faults([spec, platform]) if fault.severity == "error"]
    assert found.where == "the platform document"
    assert "is passed over by the server, with its volumes and secrets: Failed to parse" in found.sentence


@pytest.mark.parametrize(
    ("plant", "sentence"),
    [
        (trainer(securityContext={"runAsUser": "65532"}), "securityContext is known to KFP 2.16 and later"),
        (mounted(subPath="faces"), "pvcMount.subPath is known to KFP 2.16 and later"),
        (trainer(secretAsEnv=[{"secretName": "s", "optional": True}]), "secretAsEnv.optional is known to KFP 2.15 and"),
        (
            trainer(nodeAffinity=[{"nodeAffinityJson": {"runtimeValue": {"constant": {}}}}]),
            "nodeAffinity.nodeAffinityJson is known to KFP 2.14 and later",
        ),
    ],
)
def test_what_old_backends_do_not_know_is_a_warning(plant, sentence):
    (found,) = told(plant)

    assert (found.severity, found.where) == ("warning", WHERE)
    assert sentence in found.sentence


def test_no_room_for_temporary_files_is_a_warning():
    (found,) = told(lambda _, executors: executors["Trainer_executor"].pop("emptyDirMounts"))

    assert (found.severity, found.where) == ("warning", "executor Trainer_executor")
    assert "has no volume for temporary files" in found.sentence


def test_what_belongs_to_kubernetes_is_told_where_it_belongs():
    (found,) = told(lambda spec, _: container(spec).update(secretAsEnv=[]))

    assert "it belongs into the second document" in found.sentence


@pytest.mark.parametrize(
    "plant",
    [
        trainer(pvcMount=[{"constant": "a", "mountPath": f"/{n}"} for n in "xy"]),  # one claim, two folders
        trainer(pvcMount=[{"pvcNameParameter": {"componentInputParameter": "claim"}, "mountPath": "/data"}]),
        trainer(secretAsVolume=[{"secretName": "gcp", "mountPath": "/etc/gcp", "optional": True}]),
        trainer(
            emptyDirMounts=[
                {"volumeName": "shm", "mountPath": "/dev/shm", "medium": "Memory", "sizeLimit": "2Gi"},
                {"volumeName": "scratch", "mountPath": "/scratch"},
            ]
        ),
        trainer(podMetadata={"labels": {"a": "b"}}, imagePullSecret=[{"secretName": "registry.example"}]),
        trainer(activeDeadlineSeconds=3600, imagePullPolicy="Always", nodeSelector={"labels": {"gpu": "yes"}}),
    ],
    ids=range(6),
)
def test_what_the_drivers_read_is_no_fault(plant):
    assert told(plant) == []
