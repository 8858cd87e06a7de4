import copy

import pytest

from components.run_outcome.settings import AlertSettings, FailureAlerts
from pipeline.config.kubeflow import GpuSettings, KubeflowSettings, NodeResources, RetrySettings
from pipeline.runners.kubeflow.compile import passes
from pipeline.runners.kubeflow.compile.passes import PASSES, Target, tasks


def container() -> dict:
    return {"container": {"image": "i", "command": ["python"], "args": ["--executor_class_path", "x"]}}


@pytest.fixture
def spec() -> dict:
    nodes = ("ImageExampleGen", "Trainer", "Pusher", "OutcomeGate")
    return {
        "schemaVersion": "2.1.0",
        "root": {
            "dag": {"tasks": {node: {"componentRef": {"name": node}} for node in nodes}},
            "inputDefinitions": {"parameters": {"data_root": {"parameterType": "STRING"}}},
        },
        "components": {node: {"executorLabel": f"{node}_executor"} for node in nodes},
        "deploymentSpec": {"executors": {f"{node}_executor": container() for node in nodes}},
    }


def of(spec: dict, node: str) -> dict:
    return spec["deploymentSpec"]["executors"][f"{node}_executor"]["container"]


def test_the_pipeline_root_is_part_of_the_file(spec):
    passes.pipeline_root(spec, Target(pipeline_root="s3://bucket/root"))

    assert spec["defaultPipelineRoot"] == "s3://bucket/root"


def test_a_driver_that_the_backend_would_not_run_is_an_argument_of_the_entrypoint(spec):
    hook = {"preCacheCheck": {"command": ["python", "-m", "some.driver"], "args": ["{{$}}"]}}
    of(spec, "ImageExampleGen")["lifecycle"] = hook
    before = copy.deepcopy(of(spec, "Trainer"))
    passes.drivers_in_the_entrypoint(spec, Target())

    assert "lifecycle" not in of(spec, "ImageExampleGen")
    assert of(spec, "ImageExampleGen")["args"][-2:] == ["--driver", "some.driver"]
    assert of(spec, "Trainer") == before


def test_tasks_downstream_of_a_condition_run_only_where_it_is_true(spec, monkeypatch):
    monkeypatch.setattr(passes, "CONDITIONS", {"ImageExampleGen": "enough", "NotThere": "x"})
    tasks = spec["root"]["dag"]["tasks"]
    tasks["Trainer"]["dependentTasks"] = ["ImageExampleGen"]
    tasks["Pusher"]["dependentTasks"] = ["Trainer"]
    spec["components"]["ImageExampleGen"]["outputDefinitions"] = {"artifacts": {"enough": {}}}
    others = copy.deepcopy([tasks["Pusher"], tasks["OutcomeGate"], spec["components"]["Pusher"]])
    passes.conditions(spec, Target())

    name = "condition-ImageExampleGen-enough"
    source = {"producerTask": "ImageExampleGen", "outputParameterKey": "enough"}
    assert tasks["Trainer"]["inputs"] == {"parameters": {name: {"taskOutputParameter": source}}}
    assert tasks["Trainer"]["triggerPolicy"] == {"condition": f"inputs.parameter_values['{name}'] == true"}
    declared = {"parameterType": "BOOLEAN"}
    assert spec["components"]["Trainer"]["inputDefinitions"] == {"parameters": {name: declared}}
    assert spec["components"]["ImageExampleGen"]["outputDefinitions"]["parameters"] == {"enough": declared}
    assert [tasks["Pusher"], tasks["OutcomeGate"], spec["components"]["Pusher"]] == others


def test_parameters_have_defaults(spec):
    passes.parameter_defaults(spec, Target(defaults={"data_root": "/data"}))

    assert spec["root"]["inputDefinitions"]["parameters"]["data_root"]["defaultValue"] == "/data"


def test_a_parameter_without_a_default_is_refused(spec):
    with pytest.raises(ValueError, match="data_root has no default"):
        passes.parameter_defaults(spec, Target(defaults={"seed": 1}))


def test_a_pipeline_without_parameters_needs_no_defaults(spec):
    del spec["root"]["inputDefinitions"]
    passes.parameter_defaults(spec, Target(defaults={"data_root": "/data"}))

    assert "inputDefinitions" not in spec["root"]


def test_nodes_whose_state_lies_outside_the_key_are_never_cached(spec):
    for task in tasks(spec).values():
        task["cachingOptions"] = {"enableCache": True}
    passes.caching(spec, Target())

    cached = {node: task["cachingOptions"]["enableCache"] for node, task in tasks(spec).items()}
    assert cached == {"ImageExampleGen": False, "Trainer": True, "Pusher": False, "OutcomeGate": True}


def test_every_node_but_the_last_gate_is_retried_with_growing_delay(spec):
    retries = RetrySettings(attempts=3, backoff=10, factor=3, within=3600)
    passes.retries(spec, Target(KubeflowSettings(retries=retries)))

    policies = {node: task.get("retryPolicy") for node, task in tasks(spec).items()}
    assert policies.pop("OutcomeGate") is None  # a refusal stays one
    assert list(policies.values()) == 3 * [
        {"maxRetryCount": 3, "backoffDuration": "10s", "backoffFactor": 3, "backoffMaxDuration": "3600s"}
    ]


def test_without_retries_there_is_no_policy(spec):
    passes.retries(spec, Target(KubeflowSettings(retries=RetrySettings(attempts=0))))

    assert not any("retryPolicy" in task for task in tasks(spec).values())


def test_every_node_requests_cores_and_memory_and_the_trainer_for_gpus(spec):
    settings = KubeflowSettings(
        resources={
            "default": NodeResources(cpu="500m", cpu_limit="2", memory="1Gi"),
            "Trainer": NodeResources(cpu="4", memory="16G", gpus=2),
        },
        gpu=GpuSettings(resource="amd.com/gpu"),
    )
    passes.resources(spec, Target(settings))

    gib = pytest.approx(1.073741824)
    requests = {"cpuRequest": 0.5, "cpuLimit": 2.0, "memoryRequest": gib, "memoryLimit": gib}
    assert of(spec, "Pusher")["resources"] == of(spec, "ImageExampleGen")["resources"] == requests
    assert of(spec, "Trainer")["resources"] == {
        "cpuRequest": 4.0,
        "memoryRequest": 16.0,
        "memoryLimit": 16.0,
        "accelerator": {"type": "amd.com/gpu", "count": "2"},
    }


def test_temporary_files_go_to_the_scratch_volume_unless_the_user_sets_tmpdir(spec):
    settings = KubeflowSettings(
        resources={"default": NodeResources(), "Pusher": NodeResources(scratch=None)}, env={"HTTPS_PROXY": "proxy"}
    )
    passes.environment(spec, Target(settings))

    assert of(spec, "Trainer")["env"] == [
        {"name": "HTTPS_PROXY", "value": "proxy"},
        {"name": "TMPDIR", "value": "/scratch"},
    ]
    assert of(spec, "Pusher")["env"] == [{"name": "HTTPS_PROXY", "value": "proxy"}]
    passes.environment(spec, Target(KubeflowSettings(env={"TMPDIR": "/mine"})))
    assert of(spec, "Trainer")["env"] == [{"name": "TMPDIR", "value": "/mine"}]


def test_the_entrypoint_receives_its_node_and_types(spec):
    types = {node: {"inputs": {}, "outputs": {"model": "a.b.Model"}} for node in tasks(spec)}
    passes.node_and_types(spec, Target(types=types))

    assert of(spec, "Trainer")["args"][2:] == [
        *("--node", "Trainer"),
        *("--artifact_types", '{"inputs": {}, "outputs": {"model": "a.b.Model"}}'),
    ]


def test_alerts_are_an_argument_of_every_entrypoint_where_configured(spec):
    before = copy.deepcopy(spec)
    passes.failure_alerts(spec, Target())
    assert spec == before
    configured = FailureAlerts(pipeline="faces", attempts=3, alerts=AlertSettings())
    passes.failure_alerts(spec, Target(alerts=configured))
    assert all(of(spec, node)["args"][-2:] == ["--alerts", configured.model_dump_json()] for node in tasks(spec))


def test_every_pass_registers_itself():
    registered = {function.__name__ for function in PASSES}

    assert {"resources", "conditions", "parameter_defaults", "node_and_types"} <= registered
    assert len(registered) == len(PASSES)
