import pytest
from planting import tasks, told


def model(schema):
    """Gives the Trainer's output, and the Pusher's input of it, another type."""

    def plant(spec, _):
        for component, direction in (("Trainer", "output"), ("Pusher", "input")):
            spec["components"][component][f"{direction}Definitions"]["artifacts"]["model"]["artifactType"] = schema

    return plant


@pytest.mark.parametrize(
    ("plant", "where", "sentence"),
    [
        (model({}), "task Trainer, output model", "its type has no title: the launcher stops with: No title specified"),
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
            "is none that its component declares",
        ),
    ],
)
def test_a_planted_fault_is_the_one_error_that_is_told(plant, where, sentence):
    errors = [fault for fault in told(plant) if fault.severity == "error"]

    assert [fault.where for fault in errors] == [where]
    assert sentence in errors[0].sentence


@pytest.mark.parametrize("schema", [{"schemaTitle": "system.Model"}, {"instanceSchema": "title: siamese.GateVerdict"}])
def test_a_title_in_either_way_is_no_fault(schema):
    assert told(model(schema)) == []


def test_a_title_that_vertex_refuses_is_a_warning():
    (found,) = told(model({"schemaTitle": "GateVerdict"}))

    assert (found.severity, found.where) == ("warning", "task Trainer, output model")
    assert "is called GateVerdict: only Vertex AI refuses it" in found.sentence


def test_another_type_than_the_one_wanted_is_a_warning():
    def plant(spec, _):
        tasks(spec)["Pusher"]["inputs"]["artifacts"]["model"]["taskOutputArtifact"] = {
            "producerTask": "Source",
            "outputArtifactKey": "data",
        }

    (found,) = told(plant)
    assert (found.severity, found.sentence) == ("warning", "wants tfx.Model and is given tfx.Examples")
