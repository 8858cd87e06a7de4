import pytest
from planting import argument, container, found_after, tasks

STOCK = ["python", "-m", "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor"]
OURS = ["python", "-m", "pipeline.runners.kubeflow.entrypoint"]


def without(name):
    def plant(spec, _):
        args = container(spec)["args"]
        position = args.index(name)
        del args[position : position + 2]

    return plant


def trainer(**fields):
    return lambda spec, _: container(spec).update(fields)


def resources(**fields):
    return lambda spec, _: container(spec)["resources"].update(fields)


def cached(node):
    return lambda spec, _: tasks(spec)[node].update(cachingOptions={"enableCache": True})


@pytest.mark.parametrize(
    ("plant", "where", "message"),
    [
        (trainer(image=""), "executor Trainer_executor", "has no image"),
        (trainer(command=[]), "executor Trainer_executor", "has no command: the launcher runs command and args"),
        (
            trainer(command=STOCK),
            "executor Trainer_executor",
            "runs TFX's own entrypoint",
        ),
        (without("--artifact_types"), "executor Trainer_executor", "the entrypoint requires --artifact_types"),
        (without("--node"), "executor Trainer_executor", "the entrypoint requires --node"),
        (
            without("--json_serialized_invocation_args"),
            "executor Trainer_executor",
            "must have {{$}} as one argument",
        ),
        (
            lambda s, _: container(s, "Source").update(lifecycle={"preCacheCheck": {"command": ["python", "-m", "d"]}}),
            "executor Source_executor",
            "has a lifecycle.preCacheCheck, which the backend never runs: {SPAN} is never resolved",
        ),
        (
            lambda s, _: argument(s, "--artifact_types", '{"inputs": {}, "outputs": {"model": "x.Y"}}'),
            "task Trainer",
            "--artifact_types lacks its input data, which arrives without a type",
        ),
        (
            lambda s, _: argument(s, "--artifact_types", '{"inputs": {"data": "x.Y"}, "outputs": {}}'),
            "task Trainer",
            "--artifact_types lacks its output model",
        ),
        (lambda s, _: argument(s, "--artifact_types", "{}"), "task Trainer", "--artifact_types must be JSON such as"),
        (
            resources(accelerator={"type": "NVIDIA_TESLA_T4", "count": "1"}),
            "executor Trainer_executor",
            "its accelerator NVIDIA_TESLA_T4 is used as the name of a resource",
        ),
        (
            resources(accelerator={"type": "nvidia.com/gpu"}),
            "executor Trainer_executor",
            "requests nvidia.com/gpu without a count",
        ),
        (
            resources(memoryRequest=8.0),
            "executor Trainer_executor",
            "requests more memory (8) than its limit (4): no pod is created",
        ),
        (resources(cpuLimit=0.5), "executor Trainer_executor", "requests more cpu (1) than its limit (0.5)"),
        (
            trainer(env=[{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]),
            "executor Trainer_executor",
            "its variable A occurs twice",
        ),
        (cached("Source"), "task Source", "is cached"),
        (cached("Pusher"), "task Pusher", "is cached"),
    ],
)
def test_a_planted_problem_is_the_only_error(plant, where, message):
    errors = [finding for finding in found_after(plant) if finding.severity == "error"]

    assert [finding.where for finding in errors] == [where]
    assert message in errors[0].message


@pytest.mark.parametrize(
    "path",
    [
        "tfx.components.example_gen.csv_example_gen.executor.Executor",
        "tfx.components.example_gen.import_example_gen.executor.Executor",
        "components.baseline.executor.Executor",
        "tfx.components.pusher.executor.Executor",
        "components.run_outcome.executor.Executor",
    ],
)
def test_what_has_state_of_its_own_is_not_to_be_cached(path):
    found = found_after(lambda s, _: argument(s, "--executor_class_path", path))

    assert [finding.where for finding in found] == ["task Trainer"]
    assert "set cachingOptions.enableCache to false" in found[0].message


def test_what_has_a_driver_reads_folders_whoever_wrote_its_executor():
    found = found_after(lambda s, _: container(s)["args"].extend(["--driver", "their.own.driver"]))

    assert [(finding.severity, finding.where) for finding in found] == [("error", "task Trainer")]
    assert "is cached" in found[0].message


@pytest.mark.parametrize(
    "path", ["tfx.components.transform.executor.Executor", "components.run_outcome.executor.GateExecutor"]
)
def test_what_has_none_may_be_cached(path):
    assert found_after(lambda s, _: argument(s, "--executor_class_path", path)) == []


LONG = 128 * 1024


@pytest.mark.parametrize(
    ("plant", "messages"),
    [
        (
            lambda s, _: container(s)["args"].append(LONG * "x"),
            ["has an argument of 128 KiB", "its container is 129 KiB"],
        ),
        (
            lambda s, _: tasks(s)["Pusher"]["inputs"]["parameters"].update(
                run_id={"runtimeValue": {"constant": LONG * "x"}}
            ),
            ["has 129 KiB of parameters"],
        ),
    ],
)
def test_arguments_too_long_for_linux_are_errors(plant, messages):
    found = found_after(plant)

    assert len(found) == len(messages)
    assert all(part in finding.message for part, finding in zip(messages, found, strict=True))
    assert not found_after(lambda s, _: container(s)["args"].append((LONG // 2) * "x"))


@pytest.mark.parametrize(
    ("plant", "message"),
    [
        (trainer(image="registry.example:5000/siamese"), "its image registry.example:5000/siamese may change"),
        (trainer(image="siamese:latest"), "its image siamese:latest may change"),
        (trainer(image="tensorflow/tfx:1.16.0"), "runs as root, which KFP 2.16.1 and later refuses"),
        (resources(cpuRequest=0), "requests no CPU"),
        (resources(memoryRequest=0, memoryLimit=0), "requests no memory"),
    ],
)
def test_what_runs_with_a_risk_is_a_warning(plant, message):
    (found,) = found_after(plant)

    assert (found.severity, found.where) == ("warning", "executor Trainer_executor")
    assert message in found.message


@pytest.mark.parametrize("image", ["siamese:1.2", "registry.example:5000/siamese:1.2", "a/b@sha256:" + 64 * "0"])
def test_an_image_that_stays_has_no_finding(image):
    assert found_after(trainer(image=image)) == []


@pytest.mark.parametrize(
    "plant",
    [
        lambda s, _: container(s)["args"].append("--home=$(HOME)"),
        lambda s, _: tasks(s)["Trainer"]["inputs"]["parameters"].update(
            note={"runtimeValue": {"constant": "in $(HOME)"}}
        ),
    ],
    ids=["command", "parameter"],
)
def test_what_kubernetes_replaces_is_a_warning(plant):
    (found,) = found_after(plant)

    assert (found.severity, found.where) == ("warning", "task Trainer")
    assert found.message.startswith("contains $(HOME) in a command or a parameter")
    assert found_after(lambda s, _: container(s)["args"].append("costs 5$ ($ a piece)")) == []


def test_a_command_of_another_kind_is_let_be():
    def plant(spec, _):
        container(spec).update(command=["sh", "-c"], args=["echo {{$.inputs.parameters['epochs']}}"])

    assert found_after(plant) == []


def test_ours_is_the_command_of_the_good_pipeline():
    assert found_after(trainer(command=OURS)) == []
