"""One override switches a choice, whatever the file sets for another one."""

import logging
from importlib import resources
from pathlib import Path
from typing import get_args

import pytest

from models.errors import UserError
from models.settings import AugmentationSettings, EncoderSettings, LossSettings, TrainingSettings
from pipeline.config import Config, load_config

CONFIGS = sorted(
    (Path(str(file)) for file in resources.files("configs").iterdir() if file.name.endswith(".yaml")),
    key=lambda path: path.name,
)
CHOICES = {
    "encoder.name": EncoderSettings,
    "loss.name": LossSettings,
    "loss.distance": LossSettings,
    "loss.form": LossSettings,
    "training.optimizer": TrainingSettings,
    "training.schedule": TrainingSettings,
    "augmentation.preset": AugmentationSettings,
}
SWITCHES = [
    f"{key}={name}"
    for key, section in CHOICES.items()
    for name in get_args(section.model_fields[key.split(".")[1]].annotation)
] + ["encoder.unit_norm=false"]


def config(name: str) -> Path:
    return next(path for path in CONFIGS if path.stem == name)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
@pytest.mark.parametrize("switch", SWITCHES)
def test_every_choice_is_one_line_on_every_configuration(path, switch):
    if (path.stem, switch) == ("digits", "encoder.name=backbone"):
        with pytest.raises(UserError) as refused:  # its images are smaller than a backbone takes
            load_config(path, [switch])
        assert refused.value.code == "config-invalid-value"
        assert "encoder.backbone" in str(refused.value)
        return
    found = load_config(path, [switch])
    key, value = switch.split("=")
    section, name = key.split(".")
    assert str(getattr(getattr(found, section), name)).lower() == value
    assert Config.model_validate(found.model_dump(mode="json")) == found


@pytest.fixture
def switched(tmp_path, caplog):
    """The configuration of a file's text with overrides, and the warnings in the log."""

    def loaded(text: str | Path, *overrides: str) -> tuple[Config, list[str]]:
        path = text if isinstance(text, Path) else tmp_path / "mine.yaml"
        if isinstance(text, str):
            path.write_text(text, encoding="utf-8")
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            found = load_config(path, overrides)
        return found, [record.getMessage().removeprefix(f"{path}: ") for record in caplog.records]

    return loaded


FOR = "dropped: set for another choice than"
WHOLE = "replaces the section"
TURNS, MIRRORS = "augmentation.quarter_turns_are_identities", "augmentation.mirrors_are_identities"


@pytest.mark.parametrize(
    ("text", "overrides", "in_force", "warnings"),
    [
        (
            "encoder: {filters: [8, 16], embedding: 32}",
            ["encoder.name=koch2015"],
            {"encoder.filters": None, "encoder.embedding": 32},
            [f"encoder.filters {FOR} encoder.name=koch2015"],
        ),
        ("encoder: {filters: [8, 16]}", ["encoder.name=residual"], {"encoder.filters": (8, 16)}, []),
        ("encoder: {filters: [8, 16]}", ["encoder.name=cnn"], {"encoder.filters": (8, 16)}, []),
        (
            "encoder: {filters: [8, 16]}",
            ["encoder.blocks=3", "encoder.name=residual"],
            {"encoder.filters": (8, 16), "encoder.blocks": 3},
            [],
        ),
        (
            "encoder: {name: backbone, weights: imagenet, frozen_epochs: 3}",
            ["encoder.weights=none"],
            {"encoder.frozen_epochs": 0},
            [f"encoder.frozen_epochs {FOR} encoder.weights=none"],
        ),
        (
            "encoder: {name: backbone, backbone: VGG16, weights: a.h5, frozen_epochs: 3}",
            ["encoder.backbone=VGG19"],
            {"encoder.weights": "none", "encoder.frozen_epochs": 0},
            [f"encoder.frozen_epochs, encoder.weights {FOR} encoder.backbone=VGG19"],
        ),
        (
            "encoder: {name: backbone, weights: imagenet, frozen_epochs: 3}",
            ["encoder.backbone=VGG19"],
            {"encoder.weights": "imagenet", "encoder.frozen_epochs": 3},
            [],
        ),
        (
            "encoder: {filters: [8, 8], embedding: 32}",
            ["encoder.backbone=ResNet50", "image={height: 64, width: 64}"],
            {"encoder.name": "backbone", "encoder.filters": None, "encoder.embedding": 32},
            [f"encoder.filters {FOR} encoder.name=backbone"],
        ),
        (
            "{encoder: {backbone: ResNet50}, image: {height: 64, width: 64}}",
            ["encoder.name=residual"],
            {"encoder.backbone": None, "encoder.blocks": 1},
            [f"encoder.backbone {FOR} encoder.name=residual"],
        ),
        (
            "loss: {margin: 0.9, form: pairs, distance: manhattan}",
            ["loss.name=multi_similarity"],
            {"loss.margin": None, "loss.form": "batch", "loss.distance": "euclidean"},
            [f"loss.distance, loss.form, loss.margin {FOR} loss.name=multi_similarity"],
        ),
        (
            "loss: {margin: 0.9, positive_margin: 0.1}",
            ["loss.name=triplet"],
            {"loss.margin": 0.2, "loss.positive_margin": None},
            [f"loss.margin, loss.positive_margin {FOR} loss.name=triplet"],
        ),
        (
            "loss: {margin: 0.9, positive_margin: 0.1}",
            ["loss.margin=0.4", "loss.name=triplet"],
            {"loss.margin": 0.4},
            [f"loss.positive_margin {FOR} loss.name=triplet"],
        ),
        (
            "loss: {margin: 0.9, positive_margin: 0.1}",
            ["loss.form=pairs"],
            {"loss.margin": 0.9, "loss.positive_margin": None},
            [f"loss.positive_margin {FOR} loss.form=pairs"],
        ),
        (
            "loss: {margin: 0.9}",
            ["loss.distance=cosine"],
            {"loss.margin": 0.6},
            [f"loss.margin {FOR} loss.distance=cosine"],
        ),
        (
            "loss: {margin: 0.9}",
            ["encoder.unit_norm=false"],
            {"loss.margin": 8.8},
            [f"loss.margin {FOR} encoder.unit_norm=false"],
        ),
        (
            "loss: {margin: 0.9}",
            ["encoder.name=koch2015"],
            {"loss.margin": 20.3},
            [f"loss.margin {FOR} encoder.name=koch2015"],
        ),
        (
            "loss: {margin: 0.5, positive_margin: 0.1, distance: cosine}",
            ["encoder.unit_norm=false"],
            {"loss.margin": 0.5},
            [],
        ),
        ("loss: {margin: 0.9}", ["encoder.embedding=256"], {"loss.margin": 0.9}, []),
        (
            "loss: {margin: 7, distance: manhattan}",
            ["encoder.embedding=256"],
            {"loss.margin": 14.0},
            [f"loss.margin {FOR} encoder.embedding=256"],
        ),
        (
            "training: {learning_rate: 0.0005}",
            ["training.optimizer=sgd"],
            {"training.learning_rate": 0.1},
            [f"training.learning_rate {FOR} training.optimizer=sgd"],
        ),
        (
            "training: {learning_rate: 0.0005, optimizer: muon, momentum: 0.9}",
            ["encoder.name=koch2015"],
            {"training.learning_rate": 0.0015, "training.momentum": 0.9},
            [f"training.learning_rate {FOR} encoder.name=koch2015"],
        ),
        (
            "training: {learning_rate: 0.0005}",
            ["encoder.name=koch2015", "training.optimizer=adam"],
            {"training.learning_rate": 0.0003},
            [f"training.learning_rate {FOR} encoder.name=koch2015"],
        ),
        (
            "training: {learning_rate: 0.0005}",
            ["encoder.name=koch2015", "training.optimizer=sgd"],
            {"training.learning_rate": 0.015},
            [f"training.learning_rate {FOR} training.optimizer=sgd"],
        ),
        (
            "{training: {learning_rate: 0.0005}, image: {height: 64, width: 64}}",
            ["encoder.backbone=VGG16"],
            {"training.learning_rate": 0.0003},
            [f"training.learning_rate {FOR} encoder.name=backbone"],
        ),
        (
            "{training: {learning_rate: 0.0005}, image: {height: 64, width: 64}, encoder: {backbone: ResNet50}}",
            ["encoder.backbone=VGG19"],
            {"training.learning_rate": 0.0003},
            [f"training.learning_rate {FOR} encoder.backbone=VGG19"],
        ),
        (
            "{training: {learning_rate: 0.0005}, image: {height: 64, width: 64}, encoder: {backbone: VGG16}}",
            ["encoder.weights=imagenet"],
            {"training.learning_rate": 0.002},
            [f"training.learning_rate {FOR} encoder.weights=imagenet"],
        ),
        ("training: {learning_rate: 0.0005}", ["encoder.name=residual"], {"training.learning_rate": 0.0005}, []),
        ("", ["encoder.name=koch2015", "training.learning_rate=0.002"], {"training.learning_rate": 0.002}, []),
        (
            "training: {learning_rate: 0.0005, weight_decay: 0.01}",
            ["training.optimizer=adam"],
            {"training.learning_rate": 0.0005, "training.weight_decay": None},
            [f"training.weight_decay {FOR} training.optimizer=adam"],
        ),
        (
            "training: {schedule: step, drops: [0.5]}",
            ["training.schedule=constant"],
            {"training.drops": None},
            [f"training.drops {FOR} training.schedule=constant"],
        ),
        (
            "augmentation: {rotation: 10, crop: 0.3}",
            ["augmentation.preset=faces", "augmentation.scale=0.5"],
            {"augmentation.rotation": 0, "augmentation.crop": 0.2, "augmentation.scale": 0.5},
            [f"augmentation.rotation, augmentation.crop dropped: augmentation.preset=faces {WHOLE}"],
        ),
        (
            "augmentation: {preset: characters}",
            ["loss.form=pairs"],
            {"augmentation.rotation": 10, "augmentation.mirrors_are_identities": False},
            [f"{MIRRORS}, {TURNS} switched off: impossible with loss.form=pairs"],
        ),
        (
            "{augmentation: {quarter_turns_are_identities: true}, image: {height: 64, width: 64}}",
            ["image.width=48"],
            {"augmentation.quarter_turns_are_identities": False},
            [f"{TURNS} switched off: impossible with image.height=64 and image.width=48"],
        ),
        (
            "augmentation: {preset: characters}",
            ["augmentation.mirror=true"],
            {"augmentation.quarter_turns_are_identities": True, "augmentation.mirrors_are_identities": False},
            ["augmentation.mirrors_are_identities switched off: impossible with augmentation.mirror=true"],
        ),
        (
            "loss: {form: pairs}",
            ["augmentation={preset: characters}"],
            {"augmentation.quarter_turns_are_identities": False},
            [f"{MIRRORS}, {TURNS} switched off: impossible with loss.form=pairs"],
        ),
    ],
    ids=str,
)
def test_keys_for_another_choice_are_dropped_with_a_warning(switched, text, overrides, in_force, warnings):
    found, notes = switched(text, *overrides)
    for key, value in in_force.items():
        section, name = key.split(".")
        assert getattr(getattr(found, section), name) == value, key
    assert notes == warnings


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["encoder.name=koch2015", "encoder.filters=[4]"], "encoder: filters is not an option of the encoder koch2015"),
        (["encoder={name: koch2015, filters: [4]}"], "encoder: filters is not an option of the encoder koch2015"),
        (["loss.name=supervised_contrastive", "loss.margin=1"], "loss: margin is not an option of supervised_contrast"),
        (["augmentation.preset=faces", "augmentation.rotation=5"], "augmentation: rotation is not for faces"),
        (
            ["training.optimizer=adam", "training.momentum=0.5"],
            "training: momentum is not an option of optimizer: adam",
        ),
        (
            ["loss.form=pairs", "augmentation.quarter_turns_are_identities=true"],
            "needs square images and loss.form: ba",
        ),
        (["loss.name=triplet", "loss.form=pairs"], "loss.form: triplet compares all images of a batch"),
    ],
    ids=str,
)
def test_overrides_themselves_are_accepted_or_refused(overrides, message):
    with pytest.raises(UserError) as caught:
        load_config(config("characters"), overrides)
    assert caught.value.code == "config-invalid-value"
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_inconsistent_file_is_refused(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("{loss: {form: pairs}, augmentation: {quarter_turns_are_identities: true}}")
    with pytest.raises(UserError) as refused:
        load_config(path, ["training.epochs=3"])
    assert refused.value.code == "config-invalid-value"
    assert "quarter_turns_are_identities" in str(refused.value)
