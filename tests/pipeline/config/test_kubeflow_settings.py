import pytest
from pydantic import ValidationError

from models.errors import UserError
from pipeline.config import load_config
from pipeline.config.kubeflow import KubeflowSettings, NodeResources, SecretMount, quantity


@pytest.mark.parametrize(
    ("text", "value"),
    [("2", 2), ("0.5", 0.5), ("500m", 0.5), ("4Gi", 4 * 2**30), ("20G", 20e9), ("1k", 1e3), ("3Ki", 3072), ("1M", 1e6)],
)
def test_quantities_are_those_of_kubernetes(text, value):
    assert quantity(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "4 Gi", "4GB", "-1", "two", "1e3Gi", "K"])
def test_other_text_is_not_a_quantity(text):
    with pytest.raises(ValueError, match="Kubernetes quantity"):
        quantity(text)


def test_an_unknown_key_of_the_section_is_named():
    with pytest.raises(UserError, match=r"kubeflow\.resources\.Trainer\.gpu: .*did you mean gpus\?") as refused:
        load_config(overrides=["kubeflow.resources.Trainer={gpu: 1}"])
    assert refused.value.code == "config-unknown-key"


def test_an_invalid_quantity_is_named():
    with pytest.raises(UserError, match=r"memory: .* got '4GB'") as refused:
        load_config(overrides=["kubeflow.resources.default={memory: 4GB}"])
    assert refused.value.code == "config-invalid-value"


@pytest.mark.parametrize("mount", [{}, {"path": "/secrets", "env": {"key": "KEY"}}])
def test_a_secret_is_mounted_in_one_way(mount):
    with pytest.raises(ValidationError, match="the secret store must have either path or env"):
        SecretMount(name="store", **mount)


def test_a_node_without_resources_of_its_own_takes_the_default():
    settings = KubeflowSettings(resources={"default": NodeResources(cpu="3"), "Trainer": NodeResources(gpus=2)})

    assert settings.resources_of("Pusher").cpu == "3"
    assert settings.resources_of("Trainer").gpus == 2
    assert KubeflowSettings(resources={"Trainer": NodeResources()}).resources_of("Pusher") == NodeResources()


def test_where_it_runs_is_no_part_of_the_recipe_nor_of_the_configuration():
    plain, clustered = load_config(), load_config(overrides=["kubeflow.image=a/b:1", "kubeflow.retries.attempts=5"])

    assert plain.digest() == clustered.digest()
    assert plain.recipe_digest() == clustered.recipe_digest()
