from importlib import resources
from pathlib import Path

import pytest

from benchmarks.accuracy import ABLATIONS, TUTORIAL
from pipeline.config import load_config


@pytest.mark.parametrize("name", ["tutorial", *ABLATIONS])
def test_every_recipe_is_taken_on_every_configuration(name):
    settings = ABLATIONS.get(name, TUTORIAL)
    for file in resources.files("configs").iterdir():
        if file.name.endswith(".yaml"):
            load_config(Path(str(file)), settings)
