"""Every key, command and option that a text of the program names exists; a remedy that does not is worse than none."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

import components
import models
import pipeline
from models.settings.base import is_section, sections_in
from pipeline.cli.main import app
from pipeline.config.configuration import Config

_ROOT = Path(pipeline.__file__).parents[1]
_SECTIONS = "|".join(Config.model_fields)
# A placeholder stands for whatever an f-string fills in there.
_KEY = re.compile(rf"(?<![\w./{{-])((?:{_SECTIONS})(?:\.(?:[a-z_0-9]+|\0))+)(?![\w(/])")
_FILES = {"txt", "csv", "json", "jsonl", "yaml", "html", "png", "md", "lock", "py", "npz"}
_COMMAND = re.compile(r"(?<![\w/.-])siamese((?: [a-z]+)+)")
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9_-]*")
# Of other programs: Beam, pip, docker, kubectl, mypy.
_FOREIGN = re.compile(
    r"--(driver|runner|sdk|parallelism|environment|experiments|no-|job_endpoint|artifact_endpoint|temp_location|flink_|spark_)"
)


def texts() -> Iterator[tuple[str, str]]:
    """Each text of the program that is no docstring, with its place; NUL where something is filled in."""
    for package in (components, models, pipeline):
        for file in sorted(Path(package.__file__).parent.rglob("*.py")):
            tree = ast.parse(file.read_text("utf-8"))
            inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
            docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
            for node in ast.walk(tree):
                if id(node) in inner | docs:
                    continue
                place = f"{file.relative_to(_ROOT)}:{getattr(node, 'lineno', 0)}"
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield place, node.value
                elif isinstance(node, ast.JoinedStr):
                    yield (
                        place,
                        "".join(
                            str(getattr(part, "value", "\0")) if isinstance(part, ast.Constant) else "\0"
                            for part in node.values
                        ),
                    )


TEXTS = [one for one in texts() if " " in one[1]]


def exists(key: str) -> bool:
    """Whether the configuration has a key; a placeholder is any."""
    found: list[Any] = [Config]
    for part in key.split("."):
        fields = [
            field
            for section in found
            if is_section(section)
            for name, field in section.model_fields.items()
            if part in (name, "\0")
        ]
        tables = [one for one in found if not is_section(one)]
        if not fields and not tables:
            return False
        found = [inner for field in fields for inner in (*sections_in(field.annotation), *_table(field.annotation))]
    return True


def _table(annotation: Any) -> list[Any]:
    return [annotation] if "dict" in str(annotation).lower() or "Mapping" in str(annotation) else []


@cache
def commands() -> dict[str, set[str]]:
    """The options of each command, by its words."""
    found: dict[str, set[str]] = {}

    def visit(command: Any, words: str) -> None:
        found[words] = {option for parameter in command.params for option in parameter.opts}
        for name, inner in getattr(command, "commands", {}).items():
            visit(inner, f"{words} {name}".strip())

    visit(typer.main.get_command(app), "")
    return found


def test_the_texts_are_found():
    assert len(TEXTS) > 1000
    assert sum(bool(_KEY.search(text)) for _, text in TEXTS) > 50
    assert sum(bool(_COMMAND.search(text)) for _, text in TEXTS) > 10


def test_every_key_exists():
    wrong = [
        f"{place}: {key}"
        for place, text in TEXTS
        for key in _KEY.findall(text)
        if key.rpartition(".")[2] not in _FILES and not exists(key)
    ]
    assert wrong == []


def wrong_command(text: str) -> list[str]:
    """The commands of a text that do not exist, and the options that are of no command, or not of the one before them.

    An option belongs to the command that stands before it in the same clause.
    """
    known = commands()
    wrong = []
    for clause in re.split(r"[;,()`\n]|\. |->", text):
        called = set().union(*known.values())
        for words in (match.split() for match in _COMMAND.findall(clause)):
            name = next((" ".join(words[:depth]) for depth in (3, 2, 1) if " ".join(words[:depth]) in known), None)
            if name is None:
                wrong.append(f"siamese {' '.join(words)}")
            elif clause.index(f"siamese {name}") < clause.find("--"):
                called = known[name]
        options = (option.rstrip("-_") for option in _OPTION.findall(clause) if not _FOREIGN.match(option))
        wrong += [option for option in options if option not in called and option != "--help"]
    return wrong


def test_every_command_and_option_exists():
    assert [f"{place}: {wrong}" for place, text in TEXTS for wrong in wrong_command(text)] == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("list them with `siamese runs --output \0`", []),
        ("see siamese runs --to", ["--to"]),
        ("call siamese nothing, or --nothing", ["siamese nothing", "--nothing"]),
        ("siamese kubeflow schedule resume \0 again", []),
    ],
)
def test_what_does_not_exist_is_found(text, wrong):
    assert wrong_command(text) == wrong


@pytest.mark.parametrize(
    ("key", "there"),
    [
        ("data.split.by", True),
        ("encoder.weights", True),
        ("kubeflow.connection.timeout", True),
        ("pairs.count.\0", True),
        ("data.split.buy", False),
        ("data.nothing", False),
        ("loss.\0.nothing", False),
    ],
)
def test_what_is_no_key_is_found(key, there):
    assert exists(key) is there
