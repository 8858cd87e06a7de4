"""The commands in kubeflow/README.md exist, and its configuration compiles."""

import re
import shlex
import subprocess
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from typer.main import get_command

from pipeline.cli.main import app
from pipeline.config import Config, load_config
from pipeline.config.yaml_text import parse_yaml

ROOT = Path(__file__).parents[2]
KUBEFLOW = ROOT / "kubeflow"
README = (KUBEFLOW / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
BASH = [text for language, text in BLOCKS if language == "bash"]
YAML = [text for language, text in BLOCKS if language == "yaml"]
TYPED = re.findall(r"^siamese (.+)$", "".join(BASH), re.MULTILINE)
NAMED = re.findall(r"`siamese ([^`]+)`", README)
IMAGE = "registry.example/siamese@sha256:" + 64 * "0"


def command_of(words: list[str]) -> Any:
    """The command that the first words name, which are removed."""
    command = get_command(app)
    while words and (commands := getattr(command, "commands", None)):
        name = words.pop(0)
        assert name in commands, name
        command = commands[name]
    return command


@pytest.mark.parametrize("text", TYPED)
def test_commands_in_blocks_parse(text):
    """As the shell would pass them; nothing runs, what is unknown or missing raises."""
    words = shlex.split(text.replace("$IMAGE", IMAGE), comments=True)
    command = command_of(words)
    assert command.make_context("siamese", words).params


def test_every_step_has_its_command():
    assert {" ".join(text.split()[:2]) for text in TYPED} >= {
        f"kubeflow {name}" for name in ("compile", "check", "submit")
    }
    assert any(text.startswith("kubeflow schedule create") for text in TYPED)


@pytest.mark.parametrize("text", sorted(set(NAMED)))
def test_commands_in_the_text_are_there(text):
    """Short forms: arguments may be missing, but options and names of commands must exist."""
    words = shlex.split(text.replace("\n", " "))
    command = command_of(words)
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    assert {word for word in words if word.startswith("--")} <= known


def test_options_of_schedules_are_there():
    create = get_command(app).commands["kubeflow"].commands["schedule"].commands["create"]
    known = {option for parameter in create.params for option in parameter.opts}
    section = README[README.index("## 8.") : README.index("## 9.")]
    assert set(re.findall(r"`(--[a-z-]+)`", section)) <= known


def test_files_are_there():
    for path in re.findall(r"kubeflow/[\w./-]+\.\w+|(?<=-k )kubeflow/\w+|configs/\w+\.yaml", README):
        assert (ROOT / path).exists(), path
    for path in re.findall(r"`((?:manifests|serving)/[\w./-]*|[\w]+\.lock|Dockerfile)`", README):
        assert (KUBEFLOW / path).exists(), path
    for path in re.findall(r"\]\(([\w/.]+)\)", README):
        assert (KUBEFLOW / path).exists(), path


@pytest.mark.parametrize("target", sorted(set(re.findall(r"(?:^|`)make ([a-z-]+)", README, re.MULTILINE))))
def test_make_targets_exist(target):
    assert re.search(rf"^{target}:.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


def test_objects_are_those_of_the_manifests():
    text = "".join(path.read_text(encoding="utf-8") for path in (KUBEFLOW / "manifests").glob("*.yaml"))
    names = set(re.findall(r"\bname: (siamese-[a-z-]+)", text))
    mentioned = set(re.findall(r"\bsiamese-(?:images|serving|toolbox|runner|gpus|object-store)\b", README))
    assert len(mentioned) == 6
    assert mentioned <= names
    assert "siamese-webhook" not in names  # made by hand


def test_the_launchers_object_store_is_what_kubernetes_and_the_launcher_take():
    """Keys: backend/src/v2/config/s3.go."""
    document = next(found for found in map(yaml.safe_load, YAML) if found.get("kind") == "ConfigMap")
    kubernetes_validate.validate(document, "1.37", strict=True)
    providers = yaml.safe_load(document["data"]["providers"])
    assert set(providers) == {"s3"}
    assert set(providers["s3"]["default"]) <= {"endpoint", "region", "disableSSL", "forcePathStyle", "credentials"}
    assert set(providers["s3"]["default"]["credentials"]["secretRef"]) == {
        *("secretName", "accessKeyKey", "secretKeyKey")
    }


@pytest.fixture(scope="module")
def configuration(tmp_path_factory) -> Path:
    """Made by the commands of step 6."""
    block = next(text for text in BASH if "faces.yaml <<" in text)
    folder = tmp_path_factory.mktemp("readme")
    (folder / "configs").symlink_to(ROOT / "configs")
    subprocess.run(["bash", "-euc", block], cwd=folder, check=True)
    return folder / "faces.yaml"


def merged(file: Path, snippet: str) -> Config:
    """The configuration with a snippet of the README inserted."""
    content = parse_yaml(file.read_text(encoding="utf-8"))
    for section, keys in parse_yaml(snippet).items():
        content[section] = {**content.get(section, {}), **keys}
    together = file.with_name("together.yaml")
    together.write_text(yaml.safe_dump(content))
    return load_config(together)


def test_the_configuration_of_step_6_keeps_its_recipe_and_loads(configuration):
    config = load_config(configuration)
    recipe = load_config(ROOT / "configs" / "faces.yaml")
    assert config.data.source == "/data/faces"
    assert config.recipe_digest() == recipe.recipe_digest()
    assert config.kubeflow.resources_of("Trainer").gpus == 1


SNIPPETS = [text for text in YAML if "kind:" not in text]


def test_there_are_snippets():
    assert len(SNIPPETS) == 3


@pytest.mark.parametrize("snippet", ["{}", *SNIPPETS])
def test_what_it_says_compiles_and_would_run(configuration, snippet):
    from pipeline.runners.kubeflow.check import findings
    from pipeline.runners.kubeflow.compile.compilation import compile_pipeline

    config = merged(configuration, snippet)
    compiled = compile_pipeline(config, IMAGE)
    assert [
        str(finding) for finding in findings([compiled.spec, compiled.platform]) if finding.severity == "error"
    ] == []
    assert "siamese-images" in compiled.text()
    assert config.kubeflow.schedule.trigger(datetime.now(timezone.utc))["cron_expression"] == "0 0 3 * * *"


def test_the_namespace_is_one():
    (kustomization,) = yaml.safe_load_all((KUBEFLOW / "manifests" / "kustomization.yaml").read_text(encoding="utf-8"))
    assert kustomization["namespace"] == "kubeflow"
    assert set(re.findall(r"kubectl -n (\w+)", README)) == {"kubeflow"}


def test_settings_that_are_named_exist():
    for key in set(re.findall(r"`kubeflow\.([a-z_.]+?)`", README)) | set(re.findall(r"`kubeflow\.([a-z_]+): ", README)):
        section = Config.model_fields["kubeflow"].annotation
        for part in key.split("."):
            assert part in section.model_fields, key
            section = section.model_fields[part].annotation


def test_no_placeholder_is_undefined():
    assert not re.findall(r"\b[A-Z]+_(?:SIZE|STATE)\b|@@", README)
