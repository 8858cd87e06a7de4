import json

import pytest
from kfp_api import argo

from pipeline.runners.kubeflow.client.steps import driver_pods, pod_before, pods, steps
from pipeline.runners.kubeflow.client.workflow import Pod, parse_workflow

NODES = {"Trainer": ["failed", "succeeded"], "Pusher": ["driver failed"], "Outcome": ["omitted"]}
NESTED = pytest.mark.parametrize("nested", [False, True])


@NESTED
def test_argos_workflow_names_the_pods_and_why_they_failed(nested):
    found = parse_workflow(argo.manifest(NODES, {"Trainer(0)": "pod deleted", "Pusher-driver": "no bucket"}, nested))
    assert (found.name, found.namespace, found.created) == (argo.WORKFLOW, "kubeflow", "2026-11-23")
    first, second = (argo.pod_name("Trainer", attempt, nested) for attempt in (0, 1))
    assert found.attempts == {"Trainer": [Pod(first, "pod deleted"), Pod(second)]}
    assert found.drivers["Pusher"] == [Pod(argo.driver_pod("Pusher", nested), "no bucket")]


def test_old_versions_of_argo_name_a_pod_by_its_node():
    workflow = json.loads(argo.manifest(NODES, {}))
    workflow["metadata"]["annotations"] = {"workflows.argoproj.io/pod-name-format": "v1"}
    found = parse_workflow(json.dumps(workflow))
    assert found.attempts["Trainer"][0].name == argo.node_id(argo.Names().executor("Trainer", 0))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"metadata": {"name": "w"}}', '{"metadata": 1}', "null"])
def test_what_is_no_workflow_is_none(text):
    assert parse_workflow(text) is None


@NESTED
def test_attempts_and_names_of_pods_can_be_computed(nested):
    assert steps(["Trainer"], argo.task_details(NODES, 65, nested))["Trainer"].attempt == 2
    for attempt in (1, 2):
        assert argo.pod_name("Trainer", attempt - 1, nested) in pods(argo.WORKFLOW, "Trainer", attempt, (0, 2))
    assert argo.driver_pod("Trainer", nested) in driver_pods(argo.WORKFLOW, "Trainer")


@NESTED
def test_a_pod_knows_the_one_before(nested):
    for attempt in range(1, 11):
        pod, before = (argo.pod_name("Trainer", number, nested) for number in (attempt, attempt - 1))
        assert pod_before(pod, "Trainer") == before
        assert pod_before(pod, "Evaluator") is None
    assert pod_before(argo.pod_name("Trainer", 0, nested), "Trainer") is None
    by_node = (argo.node_id(argo.Names(nested).executor("Trainer", attempt)) for attempt in (1, 0))
    assert pod_before(next(by_node), "Trainer") == next(by_node)


@pytest.mark.parametrize("pod", ["", "siamese-toolbox", "a-b-c", "9", "-9"])
def test_another_pod_has_none_before(pod):
    assert pod_before(pod, "Trainer") is None
