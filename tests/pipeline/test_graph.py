"""The cache keys of the graph's nodes: no result of older code is reused, and none of newer code is made in vain."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from components import component
from models import code_digest as code_digest_module
from models.code_digest import SourceTree
from models.data import image_formats
from pipeline import graph
from pipeline.config import load_config
from pipeline.environment.run_environment import RunEnvironment
from pipeline.runners.local import runner

ROOT = Path(code_digest_module.__file__).parents[1]
STOCK = {"StatisticsGen", "ExampleValidator"}  # TFX's alone: no code of this project runs in them


def environment(folder: Path, run_id: str = "run") -> RunEnvironment:
    store = runner.sqlite(folder / "metadata.sqlite")
    return RunEnvironment(
        str(folder / "data"), "digest", str(folder / "serving"), "none", str(folder / "artifacts"), run_id, store
    )


def test_every_node_is_keyed_by_its_code_or_runs_every_time(tmp_path):
    config = load_config(overrides=["data.min_new_images=5", "tuner.trials=2"])
    keys = {}
    for node in graph.create_pipeline(config, environment(tmp_path)).components:
        properties = node.exec_properties
        custom = json.loads(properties.get("custom_config") or "{}")
        evaluated = "code_digest" in (properties.get("eval_config") or "")
        keys[node.id] = (
            properties.get("code_digest") or custom.get("code_digest") or evaluated or "run_id" in properties
        )
    assert {name for name, key in keys.items() if not key} == STOCK
    digests = [key for key in keys.values() if isinstance(key, str)]
    assert len(set(digests)) == len(digests) > 9  # each by its own code
    assert keys["Trainer"] == SourceTree(ROOT).digest("models.training.trainer")  # as workers check it on other hosts


@pytest.fixture
def scratch(tmp_path, monkeypatch) -> Path:
    """A copy of the sources, which the digests are then made of."""
    for package in ("components", "models"):
        shutil.copytree(ROOT / package, tmp_path / "copy" / package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(component, "code_digest", lambda name: SourceTree(tmp_path / "copy").digest(name))
    return tmp_path / "copy"


def test_a_component_runs_again_when_a_module_three_imports_away_has_changed(scratch, tmp_path):
    rng = np.random.default_rng(0)
    for number in range(36):
        path = tmp_path / "data" / f"p{number % 9}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (8, 8), np.uint8)).save(path)
    config = load_config(overrides=["image.height=8", "image.width=8"], data=str(tmp_path / "data"))

    def only_ingest(config, environment):
        return graph._pipeline(config, environment, [graph.ingest(config, environment)[0]])

    def executions(run_id: str) -> int:
        runner.run(config, environment(tmp_path, run_id), lambda *_: None, only_ingest)
        return len(list((tmp_path / "artifacts" / "ImageExampleGen" / "examples").iterdir()))

    def change(file: Path) -> None:
        (scratch / file.relative_to(ROOT)).write_text(file.read_text() + "\nchanged = True\n")

    assert executions("first") == 1
    change(ROOT / "components" / "model_card" / "card.py")
    assert executions("unrelated") == 1
    change(Path(image_formats.__file__))  # component - executor - transforms - image_formats
    assert executions("changed") == 2
    assert executions("again") == 2
