import pytest
from planting import found_after, tasks


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
    ],
)
def test_a_planted_problem_is_the_only_error(plant, where, message):
    errors = [finding for finding in found_after(plant) if finding.severity == "error"]

    assert [finding.where for finding in errors] == [where]
    assert message in errors[0].message


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
