import json

import pytest
from planting import container, tasks, told


def epochs(value):
    """Gives the Trainer's parameter another value."""
    return lambda spec, _: tasks(spec)["Trainer"]["inputs"]["parameters"].update(epochs=value)


def text(constant):
    """Gives the Pusher's parameter, a text, another value."""
    value = {"runtimeValue": {"constant": constant}}
    return lambda spec, _: tasks(spec)["Pusher"]["inputs"]["parameters"].update(run_id=value)


def of_the_run(**fields):
    return lambda spec, _: spec["root"]["inputDefinitions"]["parameters"].update(data_root=fields)


def behind_an_exit_handler(spec, _):
    inner, others = tasks(spec), {"taskInfo": {"name": "tfx-dag"}, "componentRef": {"name": "tfx-dag"}}
    spec["components"]["tfx-dag"] = {"dag": {"tasks": inner}}
    spec["root"]["dag"] = {"tasks": {"tfx-dag": others}}


@pytest.mark.parametrize(
    ("plant", "where", "sentence"),
    [
        (
            of_the_run(parameterType="STRING"),
            "parameter data_root",
            "has no defaultValue (TFX drops a RuntimeParameter's)",
        ),
        (
            of_the_run(type="STRING", defaultValue="/d"),
            "parameter data_root",
            "has no parameterType (schema 2.0 calls it",
        ),
        (
            of_the_run(parameterType="LIST", defaultValue=[]),
            "parameter data_root",
            "is of the type LIST: TFX reads texts",
        ),
        (of_the_run(parameterType=99, isOptional=True), "parameter data_root", "is of the type 99: TFX reads texts"),
        (of_the_run(parameterType="BOOLEAN", defaultValue=True), "parameter data_root", "is of the type BOOLEAN"),
        (
            of_the_run(parameterType="NUMBER_INTEGER", defaultValue="/d"),
            "parameter data_root",
            "is of the type NUMBER_INTEGER, its defaultValue '/d' is not",
        ),
        (
            epochs({"componentInputParameter": "epochs"}),
            "task Trainer, parameter epochs",
            "is the run's parameter epochs, which the root does not declare",
        ),
        (
            epochs({"runtimeValue": {"runtimeParameter": "epochs"}}),
            "task Trainer, parameter epochs",
            "its value is a runtime_parameter, as of schema 2.0",
        ),
        (
            epochs({"runtimeValue": {"constantValue": {"intValue": "3"}}}),
            "task Trainer, parameter epochs",
            "its value is a constant_value, as of schema 2.0",
        ),
        (epochs({"runtimeValue": {}}), "task Trainer, parameter epochs", "its value is a nothing, as of schema 2.0"),
        (epochs({}), "task Trainer, parameter epochs", "has no value"),
        (
            epochs({"runtimeValue": {"constant": "3"}}),
            "task Trainer, parameter epochs",
            "is declared as NUMBER_INTEGER, its value '3' is not",
        ),
        (text(None), "task Pusher, parameter run_id", "is null"),
        (
            text("run {{$.pipeline_job_uuid}}"),
            "task Pusher, parameter run_id",
            "holds {{$.pipeline_job_uuid}}, which stands in a longer text: drivers replace whole values only",
        ),
        (
            text("{{$.inputs.parameters['data_root']}}/x"),
            "task Pusher, parameter run_id",
            "holds {{$.inputs.parameters['data_root']}}, which nobody replaces",
        ),
        (
            text(json.dumps({"dir": json.dumps({"__class__": "RuntimeParameter", "name": "data_root"})})),
            "task Pusher, parameter run_id",
            "holds a RuntimeParameter within a longer text",
        ),
        (
            lambda s, _: tasks(s)["Trainer"]["inputs"]["parameters"].pop("epochs"),
            "task Trainer",
            "its component wants the parameter epochs, which it is not given",
        ),
        (
            lambda s, _: container(s)["args"].append("--x={{$.inputs.parameters['steps']}}"),
            "task Trainer",
            "its command holds {{$.inputs.parameters['steps']}}, and it has no such one",
        ),
        (
            lambda s, _: container(s)["args"].append("{{$.outputs.artifacts['run'].path}}"),
            "task Trainer",
            "its command holds {{$.outputs.artifacts['run']}}, and it has no such one",
        ),
        (
            behind_an_exit_handler,
            "component tfx-dag",
            "is not handed data_root: with an exit handler TFX's runtime parameters fail with: parent DAG does",
        ),
    ],
)
def test_a_planted_fault_is_the_one_error_that_is_told(plant, where, sentence):
    errors = [fault for fault in told(plant) if fault.severity == "error"]

    assert [fault.where for fault in errors] == [where]
    assert sentence in errors[0].sentence


@pytest.mark.parametrize(
    "plant",
    [
        text("{{$.pipeline_job_uuid}}"),
        text("{{$.workspace_path}}/x"),
        text("{{$.inputs.parameters['run_id']}}"),  # an input of the same task: the launcher replaces it
        text("a {{ template }} of another kind"),
        epochs({"runtimeValue": {"constant": 3.0}}),
        of_the_run(parameterType="NUMBER_DOUBLE", defaultValue=0.5),
        of_the_run(parameterType="STRING", isOptional=True),
        lambda s, _: container(s)["args"].append("{{$.inputs.artifacts['data'].uri}}"),
    ],
    ids=range(8),
)
def test_what_the_backend_fills_in_is_no_fault(plant):
    assert told(plant) == []
