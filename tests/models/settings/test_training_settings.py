import pytest
from pydantic import ValidationError

from models.settings import TrainingSettings


@pytest.mark.parametrize(
    ("given", "in_force"),
    [
        ({}, {"learning_rate": 2e-3, "weight_decay": 1e-4, "momentum": None, "drops": None}),
        ({"optimizer": "adam"}, {"learning_rate": 2e-3, "weight_decay": None, "momentum": None}),
        ({"optimizer": "sgd"}, {"learning_rate": 0.1, "weight_decay": 1e-4, "momentum": 0.9}),
        ({"optimizer": "muon"}, {"learning_rate": 0.01, "weight_decay": 1e-4, "momentum": 0.95}),
        ({"optimizer": "sgd", "learning_rate": 0.02, "momentum": 0}, {"learning_rate": 0.02, "momentum": 0}),
        ({"xla": True, "mixed_precision": False, "in_memory": "on"}, {"xla": "on", "mixed_precision": "off"}),
        ({"schedule": "step"}, {"drops": (0.6, 0.85)}),
        ({"schedule": "step", "drops": [0.5]}, {"drops": (0.5,)}),
        ({"epochs": 2, "steps_per_epoch": 10, "warmup": 20}, {"warmup": 20}),
        ({"epochs": 0, "steps_per_epoch": 10, "warmup": 20}, {"warmup": 20}),
        ({"warmup": 10**6}, {"steps_per_epoch": None}),
    ],
    ids=str,
)
def test_each_optimiser_and_schedule_has_its_options_and_their_defaults(given, in_force):
    settings = TrainingSettings(**given)
    assert {key: getattr(settings, key) for key in in_force} == in_force
    assert TrainingSettings.model_validate(settings.model_dump(mode="json")) == settings


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"optimizer": "adam", "weight_decay": 0.1},
            "weight_decay is not an option of optimizer: adam; it is for optimizer: adamw or muon or sgd",
        ),
        (
            {"optimizer": "adam", "momentum": 0.5},
            "momentum is not an option of optimizer: adam; it is for optimizer: muon or sgd",
        ),
        ({"momentum": 0.9}, "momentum is not an option of optimizer: adamw; it is for optimizer: muon or sgd"),
        ({"drops": [0.5]}, "drops is not an option of schedule: cosine; it is for schedule: step"),
        (
            {"schedule": "constant", "drops": [0.6, 0.85]},
            "drops is not an option of schedule: constant; it is for schedule: step",
        ),
        (
            {"epochs": 2, "steps_per_epoch": 10, "warmup": 21},
            "warmup 21 is longer than the training: epochs 2 x steps_per_epoch 10 are 20 steps",
        ),
    ],
    ids=str,
)
def test_what_would_be_ignored_is_refused(given, message):
    with pytest.raises(ValidationError) as caught:
        TrainingSettings(**given)
    (problem,) = caught.value.errors()
    assert problem["msg"].removeprefix("Value error, ") == message
