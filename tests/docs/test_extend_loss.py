"""``docs/how-to/extend.md``, "Add a loss", followed to the letter in a scratch copy of the project."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from models.library_environment import prepare_native_libraries

ROOT = Path(__file__).parents[2]
SECTION = re.search(
    r"^## Add a loss\n(.*?)(?=^## |\Z)",
    (ROOT / "docs/how-to/extend.md").read_text(encoding="utf-8"),
    re.DOTALL | re.MULTILINE,
)[1]
FILES = re.findall(r"`([\w/]+\.py)`:\n\n```python\n(.*?)```", SECTION, re.DOTALL)
COMMANDS = re.search(r"```bash\n(.*?)```", SECTION, re.DOTALL)[1].splitlines()


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The project with the files of the section, and nothing else changed."""
    folder = tmp_path_factory.mktemp("project")
    ignored = shutil.ignore_patterns("__pycache__")
    for package in ("components", "configs", "models", "pipeline", "tests/models/network/losses"):
        shutil.copytree(ROOT / package, folder / package, ignore=ignored)
    for file in ("pyproject.toml", "tests/one_training.py"):
        shutil.copy(ROOT / file, folder / file)
    for path, content in FILES:
        assert not (folder / path).exists()
        (folder / path).write_text(content, encoding="utf-8")
    return folder


def ran(copy: Path, *arguments: str) -> str:
    """The output of Python in the copy."""
    prepare_native_libraries()
    ended = subprocess.run(
        [sys.executable, *arguments],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-2000:]
    return ended.stdout


def command(program: str) -> list[str]:
    """The arguments of the page's command that begins with ``program``."""
    (found,) = [line for line in COMMANDS if line.startswith(program)]
    return found.removeprefix(program).split()


def test_a_loss_is_one_module_and_its_test():
    assert [path.split("/")[0] for path, _ in FILES] == ["models", "tests"]


def test_its_test_passes(copy):
    assert "1 passed" in ran(copy, "-m", "pytest", "-p", "no:cacheprovider", "-q", *command("pytest"))


def test_config_lists_it_with_its_option(copy):
    listed = " ".join(ran(copy, "-m", "pipeline", "config", *command("siamese config")).split())
    assert "batch_hard" in listed
    assert re.search(r"sharpness\s+5\.0\s+5\.0", listed)


def test_it_trains(copy, tmp_path):
    loss = dict(setting.removeprefix("loss.").split("=") for setting in command("siamese run") if "=" in setting)
    recipe = {"loss": loss, "training": {"epochs": 2, "steps_per_epoch": 4, "tensorboard": "none"}}
    (tmp_path / "run").mkdir()
    *_, result = ran(copy, "tests/one_training.py", str(tmp_path / "run"), json.dumps(recipe)).splitlines()
    assert json.loads(result)["accuracy"] > 0.8
