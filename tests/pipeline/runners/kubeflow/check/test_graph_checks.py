import copy

import pytest
from planting import container, found_after, tasks

NESTED = {"componentRef": {"name": "Nested"}, "taskInfo": {"name": "Nested"}}


def rename(spec, old, new):
    tasks(spec)[new] = tasks(spec).pop(old)
    tasks(spec)[new]["taskInfo"]["name"] = new


def trainer(change):
    return lambda spec, _: change(tasks(spec)["Trainer"])


def resolver(spec, _):
    spec["deploymentSpec"]["executors"]["Source_executor"] = {"resolver": {"outputArtifactQueries": {}}}


def importer(spec, **fields):
    schema = {"typeSchema": {"schemaTitle": "tfx.Examples"}}
    spec["deploymentSpec"]["executors"]["Source_executor"] = {"importer": {**schema, **fields}}


def conditional_importer(spec, _):
    importer(spec, artifactUri={"constant": "gs://b/x"})
    tasks(spec)["Source"]["triggerPolicy"] = {"condition": "inputs.parameter_values['root'] == 'x'"}


def imported_from(name):
    return lambda spec, _: importer(spec, artifactUri={"runtimeParameter": name})


def executor_kind(kind):
    def plant(spec, _):
        spec["deploymentSpec"]["executors"]["Source_executor"] = kind

    return plant


def circle(spec, _):
    tasks(spec)["Source"]["dependentTasks"] = ["Trainer"]


def same_container(spec, _):
    spec["deploymentSpec"]["executors"]["Pusher_executor"] = copy.deepcopy(
        spec["deploymentSpec"]["executors"]["Trainer_executor"]
    )
    del tasks(spec)["Trainer"]["cachingOptions"]


def of_itself(spec, _):
    spec["components"]["Nested"] = {"dag": {"tasks": {"Nested": NESTED}}}
    tasks(spec)["Nested"] = NESTED


@pytest.mark.parametrize(
    ("plant", "where", "message"),
    [
        (lambda s, _: rename(s, "Pusher", "push_it"), "task push_it", "ids of letters, digits and - only"),
        (lambda s, _: rename(s, "Pusher", "Trainer-driver"), "task Trainer-driver", "the driver pod of Trainer"),
        (trainer(lambda t: t.pop("taskInfo")), "task Trainer", "taskInfo.name is empty"),
        (trainer(lambda t: t.update(taskInfo={"name": "Other"})), "task Trainer", "taskInfo.name is Other: drivers"),
        (
            trainer(lambda t: t["dependentTasks"].append("Tuner")),
            "task Trainer",
            "depends on Tuner, which is not a task",
        ),
        (circle, "tasks Source, Trainer", "depend on one another: Argo refuses a cycle"),
        (
            trainer(lambda t: t.update(componentRef={"name": "X"})),
            "task Trainer",
            "runs the component X, which does not",
        ),
        (
            trainer(lambda t: t["inputs"]["artifacts"]["data"]["taskOutputArtifact"].update(producerTask="Ingest")),
            "task Trainer, input data",
            "comes from Ingest, which is not a task",
        ),
        (
            trainer(lambda t: t["inputs"]["artifacts"]["data"]["taskOutputArtifact"].update(outputArtifactKey="rows")),
            "task Trainer, input data",
            "is Source's output rows, which it does not declare; its artifacts: data",
        ),
        (
            trainer(lambda t: t["inputs"]["artifacts"].update(data={"componentInputArtifact": "given"})),
            "task Trainer, input data",
            "root has no input given",
        ),
        (trainer(lambda t: t["inputs"]["artifacts"].update(data={})), "task Trainer, input data", "has no source"),
        (
            trainer(
                lambda t: t["inputs"]["parameters"].update(
                    epochs={"taskOutputParameter": {"producerTask": "Source_task", "outputParameterKey": "n"}}
                )
            ),
            "task Trainer, parameter epochs",
            "comes from Source_task, which is not a task; TFX writes Source_task for a value of a node: avoid dynamic",
        ),
        (
            trainer(
                lambda t: t["inputs"]["parameters"].update(
                    epochs={"taskOutputParameter": {"producerTask": "Source", "outputParameterKey": "n"}}
                )
            ),
            "task Trainer, parameter epochs",
            "is Source's output n, which it does not declare; its parameters: none",
        ),
        (
            resolver,
            "task Source",
            "is a Resolver, which the backend does not implement (non-container and non-importer",
        ),
        (executor_kind({"customJob": {}}), "task Source", "an executor of the kind custom_job: the backend runs"),
        (executor_kind({}), "task Source", "an executor of the kind none"),
        (
            lambda s, _: s["components"]["Source"].update(executorLabel="gone"),
            "task Source",
            "its executor gone is not in the deploymentSpec",
        ),
        (lambda s, _: s["components"]["Source"].pop("executorLabel"), "task Source", "neither an executor nor tasks"),
        (lambda s, _: importer(s), "task Source", "an importer without artifactUri"),
        (
            lambda s, _: importer(s, artifactUri={"constantValue": {"stringValue": "gs://b/x"}}),
            "task Source",
            "a constantValue of schema 2.0",
        ),
        (imported_from("uri"), "task Source", "imports from the parameter uri, which is not among its inputs"),
        (conditional_importer, "task Source", "is an importer under a condition"),
        (
            trainer(lambda t: t["retryPolicy"].update(backoffFactor=1.5)),
            "task Trainer",
            "retryPolicy.backoffFactor is 1.5: Argo reads whole numbers only",
        ),
        (trainer(lambda t: t["retryPolicy"].pop("backoffMaxDuration")), "task Trainer", "is never retried"),
        (trainer(lambda t: t.update(artifactIterator={"itemInput": "x"})), "task Trainer", "iterates over artifacts"),
        (
            lambda s, _: tasks(s)["Source"].update(triggerPolicy={"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"}),
            "task Source",
            "is an exit handler of nothing",
        ),
        (
            trainer(lambda t: t.update(triggerPolicy={"condition": "inputs.artifacts['x'].artifacts[0].uri == 'y'"})),
            "task Trainer",
            "its condition reads inputs that the task does not have: x",
        ),
        (
            trainer(lambda t: t.update(triggerPolicy={"condition": "Unknown Comparison Operation 9"})),
            "task Trainer",
            "TFX could not put its condition into CEL",
        ),
        (
            trainer(lambda t: t.update(triggerPolicy={"condition": "inputs.parameter_values['epochs'] == 'three'"})),
            "task Trainer",
            "its condition compares epochs with a value of another type",
        ),
        (lambda s, _: s["components"].update(root={}), "component root", "a reserved name"),
        (of_itself, "component Nested", "contains itself"),
    ],
)
def test_a_planted_problem_is_the_only_error(plant, where, message):
    errors = [finding for finding in found_after(plant) if finding.severity == "error"]

    assert [finding.where for finding in errors] == [where]
    assert message in errors[0].message


def test_two_components_with_one_container_are_one_to_the_backend():
    found = [finding for finding in found_after(same_container) if finding.where.startswith("component")]

    assert len(found) == 1
    assert "has the same container as Pusher but other inputs or outputs" in found[0].message


def test_an_imported_artifact_has_no_finding():
    assert found_after(lambda s, p: (importer(s, artifactUri={"constant": "gs://b/x"}), p.pop("Source_executor"))) == [
        *found_after(lambda s, p: importer(s, artifactUri={"runtimeParameter": "root"}) or p.pop("Source_executor"))
    ]
    assert found_after(lambda s, p: (importer(s, artifactUri={"constant": "gs://b/x"}), p.pop("Source_executor"))) == []


@pytest.mark.parametrize(
    ("plant", "message"),
    [
        (
            trainer(lambda t: t["retryPolicy"].update(backoffMaxDuration="600s")),
            "backoffMaxDuration is 600 s: Argo counts",
        ),
        (
            trainer(
                lambda t: t.update(
                    triggerPolicy={"condition": "inputs.artifacts['data'].artifacts[0].metadata['blessed'] == 1.0"}
                )
            ),
            "runs under a condition, which fails the run where a property is missing",
        ),
    ],
)
def test_what_runs_with_a_risk_is_a_warning(plant, message):
    (found,) = found_after(plant)

    assert (found.severity, found.where) == ("warning", "task Trainer")
    assert message in found.message


def test_a_condition_on_what_is_always_there_has_no_finding():
    condition = {
        "condition": "inputs.parameter_values['epochs'] == 3.0 && inputs.artifacts['data'].artifacts[0].uri == 'y'"
    }

    assert found_after(trainer(lambda t: t.update(triggerPolicy=condition))) == []


def test_without_retries_the_policy_does_not_matter():
    assert found_after(trainer(lambda t: t.update(retryPolicy={"maxRetryCount": 0}))) == []


def test_tasks_within_components_are_looked_at_too():
    def plant(spec, _):
        inner = copy.deepcopy(tasks(spec)["Source"])
        inner["inputs"]["parameters"]["root"] = {"runtimeValue": {"constant": "/data"}}
        inner["dependentTasks"] = ["gone"]
        container(spec, "Source")
        spec["components"]["Nested"] = {"dag": {"tasks": {"Source": inner}}}
        tasks(spec)["Nested"] = NESTED

    (found,) = found_after(plant)
    assert found.where == "task Source in Nested"
