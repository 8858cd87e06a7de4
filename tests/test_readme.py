"""The commands, options, keys, targets and files that the README names exist."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from models.errors import UserError
from pipeline.cli.main import app
from pipeline.config import load_config

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = sorted(set(re.findall(r"siamese (\w+)((?: [^`\n]*)?)", README)))


def test_commands_are_mentioned():
    assert {"run", "compare", "evaluate", "embed", "runs"} <= {name for name, _ in COMMANDS}


@pytest.mark.parametrize(("name", "arguments"), COMMANDS)
def test_commands_and_their_options_exist(name, arguments):
    command = get_command(app).commands[name]
    remaining = iter(arguments.replace("`", " ").replace(",", " ").split())
    while groups := getattr(command, "commands", None):  # of a group: the command within it, unless it is one itself
        following = next(remaining, "")
        if following not in groups and command.invoke_without_command:
            break
        command = groups[following]
    known = {option for parameter in command.params for option in parameter.opts}
    assert set(re.findall(r"--[a-z-]+", arguments)) <= known


TARGETS = set(re.findall(r"^make ([a-z0-9-]+)|`make ([a-z0-9-]+)", README, re.MULTILINE))


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_make_targets_exist(target):
    name = "".join(target)
    assert re.search(rf"^{name}:.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


def test_keys_exist():
    keys = set(re.findall(r"`((?:training|loss|data|encoder|augmentation|image|gates)(?:\.[a-z_]+)+)", README))
    assert len(keys) > 5
    for key in keys:
        with pytest.raises(UserError) as error:
            load_config(None, [f"{key}.x=1"] if key.count(".") == 0 else [f"{key}={{no_such: [1]}}"])
        assert "unknown key; did" not in str(error.value).split("no_such")[0]


def test_files_and_folders_exist():
    for path in re.findall(r"`((?:configs|pipeline|components|models|benchmarks|tests)/[\w./]*)`", README):
        assert (ROOT / path).exists(), path


def test_nothing_is_left_to_fill_in():
    assert "@@" not in README
