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
def test_what_is_no_quantity_is_refused(text):
    with pytest.raises(ValueError, match="Kubernetes quantity"):
        quantity(text)


def test_a_wrong_key_of_the_section_is_named():
    with pytest.raises(UserError, match=r"kubeflow\.resources\.Trainer\.gpu: unknown key; did you mean gpus\?"):
        load_config(overrides=["kubeflow.resources.Trainer={gpu: 1}"])


def test_a_wrong_quantity_says_what_is_right():
    with pytest.raises(UserError, match="memory: must be a Kubernetes quantity such as 500m, 2, 4Gi or 20G, got '4GB'"):
        load_config(overrides=["kubeflow.resources.default={memory: 4GB}"])


@pytest.mark.parametrize("given", [{}, {"path": "/secrets", "env": {"key": "KEY"}}])
def test_a_secret_is_mounted_in_one_way(given):
    with pytest.raises(ValidationError, match="the secret store must have either path or env"):
        SecretMount(name="store", **given)


def test_a_node_without_resources_of_its_own_takes_the_default():
    settings = KubeflowSettings(resources={"default": NodeResources(cpu="3"), "Trainer": NodeResources(gpus=2)})

    assert settings.resources_of("Pusher").cpu == "3"
    assert settings.resources_of("Trainer").gpus == 2
    assert KubeflowSettings(resources={"Trainer": NodeResources()}).resources_of("Pusher") == NodeResources()


def test_where_it_runs_is_no_part_of_the_recipe_nor_of_the_configuration():
    plain, clustered = load_config(), load_config(overrides=["kubeflow.image=a/b:1", "kubeflow.retries.attempts=5"])

    assert plain.digest() == clustered.digest()
    assert plain.recipe_digest() == clustered.recipe_digest()
