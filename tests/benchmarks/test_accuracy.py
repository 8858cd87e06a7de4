from importlib import resources
from pathlib import Path

import pytest

from benchmarks.accuracy import ABLATIONS, TUTORIAL, ablations_of, show
from pipeline.config import load_config


@pytest.mark.parametrize("name", ["tutorial", *ABLATIONS])
def test_every_recipe_is_taken_on_every_configuration(name):
    settings = ABLATIONS.get(name, TUTORIAL)
    for file in resources.files("configs").iterdir():
        if file.name.endswith(".yaml"):
            load_config(Path(str(file)), settings)


def test_only_what_is_another_choice_is_an_ablation():
    characters, digits = (
        ablations_of(Path(str(resources.files("configs") / f"{name}.yaml"))) for name in ("characters", "digits")
    )
    assert set(characters) == set(ABLATIONS)
    assert set(digits) == set(ABLATIONS) - {"AdamW", "not trimmed", "no turned or mirrored identities"}


def test_a_training_that_was_there_already_does_not_count_as_a_quick_one(capsys):
    def summary(accuracy, seconds, cached=()):
        return {"reached": {"accuracy": accuracy}, "timings": {"Trainer": seconds}, "cached": list(cached)}

    show({"ours": [summary(0.9, 50.0), summary(0.8, 0.1, ["Trainer"])], "other": [summary(0.7, 0.1, ["Trainer"])]})
    ours, other = [line.strip("│ ").split("│") for line in capsys.readouterr().out.splitlines()[3:5]]
    assert [cell.strip() for cell in ours] == ["ours", "2", "0.8500 ± 0.6353", "50"]
    assert [cell.strip() for cell in other][:3] == ["other", "1", "0.7000"]
    assert "0" not in "".join(other[3:])
