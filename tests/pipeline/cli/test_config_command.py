import re
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import get_args

import pytest
from typer.testing import CliRunner

from models.settings import Settings
from pipeline.cli.main import app
from pipeline.config import Config, load_config, read_user_values
from pipeline.config.reference import config_yaml, sections

CONFIGS = [Path(str(file)) for file in resources.files("configs").iterdir() if file.name.endswith(".yaml")]


def settings_in(annotation) -> set:
    """All classes of settings that an annotation names."""
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        inner = (settings_in(field.annotation) for field in annotation.model_fields.values())
        return {annotation}.union(*inner)
    return set().union(*(settings_in(one) for one in get_args(annotation)))


@pytest.mark.parametrize("kind", sorted(settings_in(Config), key=lambda kind: kind.__name__))
def test_every_key_is_described(kind):
    assert kind.__doc__
    assert kind.__doc__ != Settings.__doc__
    undescribed = [
        key
        for key, field in kind.model_fields.items()
        if not field.description and not (isinstance(field.annotation, type) and issubclass(field.annotation, Settings))
    ]
    assert undescribed == []


def rows(*overrides: str, path: Path | None = None) -> dict:
    return {row.key: row for section in sections(read_user_values(path, overrides)) for row in section.rows}


def test_every_key_has_its_value_default_and_meaning():
    found = rows("training.epochs=33", "loss.distance=cosine", "loss.margin=0.4")
    assert found["training.epochs"][1:3] == ("33", "10")
    assert found["loss.margin"][1:3] == ("0.4", "0.6")  # the default with this distance
    assert found["loss.positive_margin"][1:3] == ("0.05", "0.05")
    assert found["encoder.filters"][1:3] == ("[32, 64]", "[32, 64, 64]")
    assert found["data.split.by"][1:3] == ("image", "identity")
    assert found["data.split.train"][1:3] == ("0.7", "0.7")
    assert "identity, image, group" in found["data.split.by"].meaning
    assert found["gates.slices[].floors"][1:3] == ("", "{}")
    assert found["kubeflow.resources.<name>.cpu"].meaning
    assert all(row.meaning for row in found.values())
    dumped = load_config().model_dump(mode="json")
    assert {"seed", "training.batch.forgeries", "kubeflow.gpu.resource"} <= found.keys()
    assert {key.split(".")[0].split("[")[0] for key in found} == dumped.keys()


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
@pytest.mark.parametrize("override", ["seed=3", "encoder.name=koch2015", "training.optimizer=adam", "tuner.trials=3"])
def test_the_yaml_is_the_same_configuration(path, override, tmp_path):
    user_values = read_user_values(path, [override])
    file = tmp_path / "again.yaml"
    file.write_text(config_yaml(user_values), encoding="utf-8")
    again, whole = load_config(file), load_config(path, [override])
    assert again.digest() == whole.digest()
    assert again == whole


def test_the_yaml_holds_paths_that_mean_the_same_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text("{data: {source: photos}, push: {serving_dir: 's3://models/faces'}}")
    user_values = read_user_values(Path("mine.yaml"), ["pairs.protocol.test=lists/pairs.txt"])
    (tmp_path / "sub").mkdir()
    Path("sub/again.yaml").write_text(config_yaml(user_values))
    again = load_config(Path("sub/again.yaml"))
    assert again.data.source == str(tmp_path / "photos")
    assert again.pairs.protocol.test == str(tmp_path / "lists" / "pairs.txt")
    assert again.push.serving_dir == "s3://models/faces"


def shown_by(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["config", *arguments], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    return re.sub(r"\x1b\[[0-9;]*m", "", result.stdout)


def test_a_section_or_a_key_can_be_shown_alone():
    shown = shown_by("training.batch", "--set", "training.batch.images=7")
    assert shown.startswith("training.batch  The images of one training step.")
    assert re.search(r"^images +7 +4 +images of each identity", shown, re.MULTILINE)
    assert "epochs" not in shown
    assert re.search(r"^epochs +12 +10 ", shown_by("training"), re.MULTILINE)
    assert "training.batch  The images" in shown_by("training")
    assert re.search(r"^margin +1.1 +1.1 ", shown_by("loss.margin"), re.MULTILINE)
    assert len(shown_by("loss.margin").splitlines()) < 7
    assert re.search(r"^slices\[\]\.by ", shown_by("gates.slices"), re.MULTILINE)
    assert shown_by("data.split", "--yaml").splitlines()[:2] == ["data:", "  split:"]
    assert shown_by("loss.margin", "--yaml") == "loss:\n  margin: 1.1\n"


@pytest.mark.parametrize(
    ("arguments", "key", "suggestion"),
    [
        (["trainin"], "trainin", "training"),
        (["loss.margn", "--yaml"], "loss.margn", "loss.margin"),
        (["--set", "training.epoch=3"], "training.epoch", "epochs"),
    ],
)
def test_an_unknown_key_is_one_line_with_a_suggestion(arguments, key, suggestion, monkeypatch, capsys):
    from pipeline.cli import main

    monkeypatch.setattr(sys, "argv", ["siamese", "config", *arguments])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(f"did you mean {suggestion}? [config-unknown-key]")
    assert f"{key}: " in line


def test_neither_tensorflow_nor_tfx_is_imported_for_it():
    code = (
        "import sys\nsys.argv = ['siamese', 'config']\nfrom pipeline.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as ended:\n    assert not ended.code\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "training.batch  The images" in ended.stdout
    assert not {"tensorflow", "tfx", "keras", "apache_beam", "sklearn", "pandas"} & set(ended.stderr.split())
