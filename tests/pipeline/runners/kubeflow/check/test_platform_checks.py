import pytest
from good_pipeline import good
from planting import container, found_after

from pipeline.runners.kubeflow.check import findings

WHERE = "platform of Trainer_executor"


def trainer(**fields):
    """Gives the Trainer's executor other fields in the platform document."""
    return lambda _, executors: executors["Trainer_executor"].update(fields)


def mounted(**fields):
    return trainer(pvcMount=[{"constant": "images", "mountPath": "/data", **fields}])


@pytest.mark.parametrize(
    ("plant", "message"),
    [
        (trainer(tolerationz=[]), "has no field tolerationz, and its driver refuses"),
        (
            trainer(resources={}),
            "; it belongs in the first document",
        ),
        (trainer(tolerations=[{"keys": "x"}]), "has no field tolerations.keys"),
        (trainer(tolerations={"key": "x"}), "tolerations must be a list"),
        (trainer(tolerations=["x"]), "tolerations must be a mapping, got 'x'"),
        (
            trainer(tolerations=[{"operator": "exists"}]),
            "tolerations.operator must be one of Exists, Equal, got exists",
        ),
        (trainer(tolerations=[{"effect": "No"}]), "tolerations.effect must be one of NoSchedule"),
        (trainer(tolerations=[{"tolerationSeconds": "soon"}]), "tolerations.tolerationSeconds must be an integer"),
        (trainer(imagePullPolicy="always"), "imagePullPolicy must be one of Always, IfNotPresent, Never, got always"),
        (trainer(activeDeadlineSeconds=True), "activeDeadlineSeconds must be an integer, got True"),
        (trainer(nodeSelector={"labels": {"gpu": True}}), "nodeSelector.labels must be a map of strings"),
        (mounted(mountPath=""), "pvcMount: images has no mountPath"),
        (mounted(constant=""), "pvcMount: an entry has no constant"),
        (mounted(mountPath="/scratch"), "mounts two volumes at /scratch"),
        (mounted(mountPath="/minio/"), "mounts images at /minio, where the backend mounts its own folder"),
        (mounted(constant="my.images"), "pvcMount: my.images becomes a volume's name: lower-case letters"),
        (mounted(constant="scratch"), "emptyDirMounts: scratch is the name of a volume that is of pvcMount too"),
        (mounted(constant="gcs-scratch"), "pvcMount: gcs-scratch is the name of a volume that is the backend's own"),
        (
            trainer(secretAsVolume=[{"secretName": "images", "mountPath": "/s"}]),
            "secretAsVolume: images is the name of a volume that is of pvcMount too: no pod is created",
        ),
        (trainer(secretAsVolume=[{"mountPath": "/s"}]), "secretAsVolume: an entry has no secretName"),
        (trainer(secretAsEnv=[{"keyToEnv": []}]), "an entry has no secret and no config map"),
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
def test_a_planted_problem_is_the_only_error(plant, message):
    errors = [finding for finding in found_after(plant) if finding.severity == "error"]

    assert [finding.where for finding in errors] == [WHERE]
    assert message in errors[0].message


@pytest.mark.parametrize("context", [{"runAsUser": 0}, {"runAsUser": "0"}, {"runAsNonRoot": False}])
def test_a_pod_that_runs_as_root_is_an_error(context):
    error, since = found_after(trainer(securityContext=context))

    assert "runs as root, which KFP 2.16.1 and later refuses" in error.message
    assert since.severity == "warning"


def test_settings_of_a_missing_executor_are_ignored():
    (found,) = found_after(lambda _, executors: executors.update(Tuner_executor=dict(executors["Trainer_executor"])))

    assert found.where == "platform of Tuner_executor"
    assert "matches no executor, so it is ignored; the executors: Pusher_executor, Source_executor" in found.message


@pytest.mark.parametrize("executors", [1, "x", [1], {"Trainer_executor": None}, {"Trainer_executor": ["x"]}])
def test_a_document_that_does_not_parse_is_ignored_entirely(executors):
    spec, platform = good()
    platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"] = executors

    (found,) = [finding for finding in findings([spec, platform]) if finding.severity == "error"]
    assert found.where == "the platform document"
    assert "is ignored by the server, with its volumes and secrets: Failed to parse" in found.message


@pytest.mark.parametrize(
    ("plant", "message"),
    [
        (trainer(securityContext={"runAsUser": "65532"}), "securityContext needs KFP 2.16 or later"),
        (mounted(subPath="faces"), "pvcMount.subPath needs KFP 2.16 or later"),
        (trainer(secretAsEnv=[{"secretName": "s", "optional": True}]), "secretAsEnv.optional needs KFP 2.15 or"),
        (
            trainer(nodeAffinity=[{"nodeAffinityJson": {"runtimeValue": {"constant": {}}}}]),
            "nodeAffinity.nodeAffinityJson needs KFP 2.14 or later",
        ),
    ],
)
def test_what_old_backends_do_not_know_is_a_warning(plant, message):
    (found,) = found_after(plant)

    assert (found.severity, found.where) == ("warning", WHERE)
    assert message in found.message


def test_no_room_for_temporary_files_is_a_warning():
    (found,) = found_after(lambda _, executors: executors["Trainer_executor"].pop("emptyDirMounts"))

    assert (found.severity, found.where) == ("warning", "executor Trainer_executor")
    assert "has no volume for temporary files" in found.message


def test_what_belongs_to_kubernetes_is_reported_with_its_place():
    (found,) = found_after(lambda spec, _: container(spec).update(secretAsEnv=[]))

    assert "it belongs in the second document" in found.message


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
def test_what_the_drivers_read_has_no_finding(plant):
    assert found_after(plant) == []
