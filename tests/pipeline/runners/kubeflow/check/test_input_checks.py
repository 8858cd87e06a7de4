import json

import pytest
from planting import container, found_after, tasks


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


def model(schema):
    """Gives the Trainer's output, and the Pusher's input of it, another type."""

    def plant(spec, _):
        for component, direction in (("Trainer", "output"), ("Pusher", "input")):
            spec["components"][component][f"{direction}Definitions"]["artifacts"]["model"]["artifactType"] = schema

    return plant


@pytest.mark.parametrize(
    ("plant", "where", "message"),
    [
        (model({}), "task Trainer, output model", "has no title: the launcher"),
        (model({"instanceSchema": "type: object"}), "task Trainer, output model", "its type has no title"),
        (model({"instanceSchema": "a: ["}), "task Trainer, output model", "its type has no title: the"),
        (
            model({"schemaUri": "gs://b/x.yaml"}),
            "task Trainer, output model",
            "has a schemaUri, which the launcher does",
        ),
        (
            lambda s, _: s["components"]["Pusher"]["inputDefinitions"]["artifacts"].pop("model"),
            "task Pusher, input model",
            "is not declared by its component",
        ),
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
            "is of the type LIST",
        ),
        (of_the_run(parameterType=99, isOptional=True), "parameter data_root", "is of the type 99"),
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
            "contains {{$.pipeline_job_uuid}}, which is part of a longer text",
        ),
        (
            text("{{$.inputs.parameters['data_root']}}/x"),
            "task Pusher, parameter run_id",
            "contains {{$.inputs.parameters['data_root']}}, which is never replaced",
        ),
        (
            text(json.dumps({"dir": json.dumps({"__class__": "RuntimeParameter", "name": "data_root"})})),
            "task Pusher, parameter run_id",
            "contains a RuntimeParameter within a longer text",
        ),
        (
            lambda s, _: tasks(s)["Trainer"]["inputs"]["parameters"].pop("epochs"),
            "task Trainer",
            "requires the parameter epochs",
        ),
        (
            lambda s, _: container(s)["args"].append("--x={{$.inputs.parameters['steps']}}"),
            "task Trainer",
            "its command contains {{$.inputs.parameters['steps']}}",
        ),
        (
            lambda s, _: container(s)["args"].append("{{$.outputs.artifacts['run'].path}}"),
            "task Trainer",
            "its command contains {{$.outputs.artifacts['run']}}",
        ),
        (
            behind_an_exit_handler,
            "component tfx-dag",
            "does not receive data_root: with an exit handler",
        ),
    ],
)
def test_a_planted_problem_is_the_only_error(plant, where, message):
    errors = [finding for finding in found_after(plant) if finding.severity == "error"]

    assert [finding.where for finding in errors] == [where]
    assert message in errors[0].message


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
def test_what_the_backend_fills_in_has_no_finding(plant):
    assert found_after(plant) == []


@pytest.mark.parametrize("schema", [{"schemaTitle": "system.Model"}, {"instanceSchema": "title: siamese.GateVerdict"}])
def test_a_title_in_either_way_has_no_finding(schema):
    assert found_after(model(schema)) == []


def test_a_title_that_vertex_refuses_is_a_warning():
    (found,) = found_after(model({"schemaTitle": "GateVerdict"}))

    assert (found.severity, found.where) == ("warning", "task Trainer, output model")
    assert "is called GateVerdict, which only Vertex AI refuses" in found.message


def test_another_type_than_the_one_wanted_is_a_warning():
    def plant(spec, _):
        tasks(spec)["Pusher"]["inputs"]["artifacts"]["model"]["taskOutputArtifact"] = {
            "producerTask": "Source",
            "outputArtifactKey": "data",
        }

    (found,) = found_after(plant)
    assert (found.severity, found.message) == ("warning", "must be of type tfx.Model, got tfx.Examples")
