from datetime import datetime

import pytest
from kfp_api import argo

from pipeline.runners.kubeflow.client.steps import Step, argo_id, pods, steps, workflow_of


def details(nodes, seconds=65):
    """The tasks with times as the SDK has them."""
    tasks = argo.task_details(nodes, seconds)
    for task in tasks:
        for key in ("start_time", "end_time"):
            task[key] = datetime.fromisoformat(task[key].replace("Z", "+00:00"))
    return tasks


def test_ids_are_those_that_argo_makes():
    # From a controller's log: kubeflow/pipelines issue 4716.
    workflow = "preprocessing-only-pipeline-m5dmm"
    assert argo_id(workflow, f"{workflow}.download") == f"{workflow}-2230510732"


@pytest.mark.parametrize(
    ("attempts", "step"),
    [
        (["running"], Step("Trainer", "RUNNING")),
        (["succeeded"], Step("Trainer", "SUCCEEDED", seconds=65)),
        (["failed", "running"], Step("Trainer", "RUNNING", attempt=2)),
        (["failed", "failed", "succeeded"], Step("Trainer", "SUCCEEDED", attempt=3, seconds=65)),
        (["failed"], Step("Trainer", "FAILED", seconds=65)),
        (["cached"], Step("Trainer", "SUCCEEDED", seconds=0, cached=True)),
        (["skipped"], Step("Trainer", "SKIPPED", seconds=0)),
        (["driver failed"], Step("Trainer", "FAILED", seconds=65, before=True)),
    ],
)
def test_a_nodes_state_follows_from_argos_nodes(attempts, step):
    found = steps(["Trainer", "Outcome"], details({"Trainer": attempts}))
    assert found == {"Trainer": step, "Outcome": Step("Outcome", "PENDING")}


def test_attempts_of_several_nodes_are_not_mixed_up():
    found = steps(["A", "B"], details({"A": ["failed", "failed", "running"], "B": ["succeeded"]}))
    assert (found["A"].attempt, found["B"].attempt) == (3, 1)


def test_nothing_known_is_pending():
    assert steps(["Trainer"], []) == {"Trainer": Step("Trainer", "PENDING")}
    assert pods("", "Trainer", 1) == []


def test_the_pods_name_is_among_those_that_are_tried():
    tasks = details({"Trainer": ["failed", "running"]})
    for attempt in (1, 2):
        found = pods(workflow_of(tasks), "Trainer", attempt, metadata=(0, 2))
        assert argo.pod_name("Trainer", attempt - 1) in found
    assert argo.pod_name("Trainer", 0).replace("metadata-0-2-", "") in pods(workflow_of(tasks), "Trainer", 1)
