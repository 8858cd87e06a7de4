from importlib import resources
from pathlib import Path

import pytest

from benchmarks.accuracy import ABLATIONS, TUTORIAL, ablations_of
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
