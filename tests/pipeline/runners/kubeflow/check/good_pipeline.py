"""A small compiled pipeline without findings, to plant problems into."""

import json
from typing import Any

SOURCE, TRAINER, PUSHER = "Source_executor", "Trainer_executor", "Pusher_executor"
IMAGE = "registry.example/siamese@sha256:" + 64 * "0"


def good() -> tuple[dict[str, Any], dict[str, Any]]:
    """(the pipeline specification, the platform specification), new each time."""
    tasks = {
        "Source": _task("Source", {"root": {"componentInputParameter": "data_root"}}, {}),
        "Trainer": _task("Trainer", {"epochs": _constant(3)}, {"data": ("Source", "data")}),
        "Pusher": _task("Pusher", {"run_id": _constant("{{$.pipeline_job_uuid}}")}, {"model": ("Trainer", "model")}),
    }
    tasks["Trainer"]["cachingOptions"] = {"enableCache": True}
    tasks["Trainer"]["retryPolicy"] = {
        "maxRetryCount": 2,
        "backoffDuration": "30s",
        "backoffFactor": 2,
        "backoffMaxDuration": "604800s",
    }
    spec = {
        "schemaVersion": "2.1.0",
        "sdkVersion": "tfx-1.16.0",
        "pipelineInfo": {"name": "faces"},
        "defaultPipelineRoot": "s3://bucket/faces",
        "root": {
            "inputDefinitions": {"parameters": {"data_root": {"parameterType": "STRING", "defaultValue": "/data"}}},
            "dag": {"tasks": tasks},
        },
        "components": {
            "Source": _component(SOURCE, {"root": "STRING"}, {}, {"data": "tfx.Examples"}),
            "Trainer": _component(
                TRAINER, {"epochs": "NUMBER_INTEGER"}, {"data": "tfx.Examples"}, {"model": "tfx.Model"}
            ),
            "Pusher": _component(
                PUSHER, {"run_id": "STRING"}, {"model": "tfx.Model"}, {"pushed_model": "tfx.PushedModel"}
            ),
        },
        "deploymentSpec": {
            "executors": {
                SOURCE: _executor("Source", "components.image_example_gen.executor.Executor", [], ["data"]),
                TRAINER: _executor("Trainer", "tfx.components.trainer.executor.GenericExecutor", ["data"], ["model"]),
                PUSHER: _executor("Pusher", "components.pusher.executor.Executor", ["model"], ["pushed_model"]),
            }
        },
    }
    spec["deploymentSpec"]["executors"][TRAINER]["container"]["resources"]["accelerator"] = {
        "type": "nvidia.com/gpu",
        "count": "1",
    }
    return spec, {"platforms": {"kubernetes": {"deploymentSpec": {"executors": _platform()}}}}


def _constant(value: str | int) -> dict[str, Any]:
    return {"runtimeValue": {"constant": value}}


def _task(name: str, parameters: dict[str, Any], artifacts: dict[str, tuple[str, str]]) -> dict[str, Any]:
    sources = {
        key: {"taskOutputArtifact": {"producerTask": task, "outputArtifactKey": output}}
        for key, (task, output) in artifacts.items()
    }
    return {
        "taskInfo": {"name": name},
        "componentRef": {"name": name},
        "dependentTasks": [task for task, _ in artifacts.values()],
        "inputs": {"parameters": parameters, "artifacts": sources},
    }


def _component(
    label: str, parameters: dict[str, str], inputs: dict[str, str], outputs: dict[str, str]
) -> dict[str, Any]:
    def schemas(titles: dict[str, str]) -> dict[str, Any]:
        return {key: {"artifactType": {"instanceSchema": f"title: {title}\n"}} for key, title in titles.items()}

    return {
        "executorLabel": label,
        "inputDefinitions": {
            "parameters": {key: {"parameterType": kind} for key, kind in parameters.items()},
            "artifacts": schemas(inputs),
        },
        "outputDefinitions": {"artifacts": schemas(outputs)},
    }


def _executor(node: str, path: str, inputs: list[str], outputs: list[str]) -> dict[str, Any]:
    types = {"inputs": dict.fromkeys(inputs, "some.Type"), "outputs": dict.fromkeys(outputs, "some.Type")}
    return {
        "container": {
            "image": IMAGE,
            "command": ["python", "-m", "pipeline.runners.kubeflow.entrypoint"],
            "args": [
                *("--executor_class_path", path, "--json_serialized_invocation_args", "{{$}}"),
                *("--node", node, "--artifact_types", json.dumps(types)),
            ],
            "resources": {"cpuRequest": 1, "memoryRequest": 4.0, "memoryLimit": 4.0},
        }
    }


def _platform() -> dict[str, Any]:
    return {
        label: {
            "pvcMount": [{"constant": "images", "mountPath": "/data"}],
            "secretAsEnv": [{"secretName": "store", "keyToEnv": [{"secretKey": "id", "envVar": "AWS_ACCESS_KEY_ID"}]}],
            "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
            "emptyDirMounts": [{"volumeName": "scratch", "mountPath": "/scratch", "sizeLimit": "10Gi"}],
            "activeDeadlineSeconds": "3600",
        }
        for label in (SOURCE, TRAINER, PUSHER)
    }
