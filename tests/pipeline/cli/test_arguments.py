"""What holds for every argument of every command, whatever the command is."""

import importlib
import inspect
import pkgutil
import re

import pytest
from typer.main import get_command

from pipeline import cli
from pipeline.cli import app as app_module
from pipeline.cli import main


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("run", "--data", ""), "--data"),
        (("run", "--data", "images", "--output="), "--output"),
        (("run", "--config", " "), "--config"),
        (("run", "--set", "data.schema_file="), "--set data.schema_file="),
        (("embed", "--model", "", "--images", ".", "--output", "x.npz"), "--model"),
        (("compare", "", "b.png", "--model", "m"), "an argument"),
        (("kubeflow", "compile", "--config", ""), "--config"),
    ],
)
def test_an_empty_argument_is_an_error(refused, arguments, named):
    line, code = refused(*arguments)
    assert code == "config-empty"
    assert line.startswith(named)


def test_an_argument_that_is_no_text_is_an_error(refused):
    line, code = refused("run", "--data", "im\udcffages")
    assert code == "config-not-text"
    assert line.startswith("im\\udcffages: is not UTF-8")


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--output", "gs://bucket/out"),
        ("run", "--config=s3://bucket/c.yaml"),
        ("schema", "--file", "file:///tmp/x.pbtxt"),
        ("runs", "show", "--output", "gs://bucket/out"),
        ("rollback", "--output", "gs://bucket/out"),
        ("report", "--to", "gs://bucket/r.html"),
        ("join", "--output", "http://host/out"),
        ("embed", "--model", "gs://b/m", "--images", "gs://b/i", "--output", "x.npz"),
        ("evaluate", "--model", "m", "--pairs", "l.csv", "--scores=gs://bucket/s.csv"),
        ("kubeflow", "compile", "--output", "gs://b/p.yaml"),
    ],
)
def test_an_address_where_a_path_is_meant_is_an_error(refused, arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    line, code = refused(*arguments)
    assert code == "config-invalid-option"
    assert line.endswith(": is an address; this takes a path of this machine")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("option", sorted(app_module._PATHS | app_module._PATHS_OR_ADDRESSES))
def test_an_option_that_is_a_path_is_what_a_shell_makes_of_it(refused, monkeypatch, tmp_path, option):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "ann"))
    for value in ("$HOME/x", "~no-such-user/x"):
        for arguments in ((option, value), (f"{option}={value}",)):
            line, code = refused("run", *arguments)
            assert code == "config-invalid-option"
            assert line.startswith(f"{option} {value}: ")
    line, _ = refused("runs", "--output=~/none")
    assert str(tmp_path / "ann" / "none") in line
    assert not list(tmp_path.iterdir())


def test_every_option_that_is_a_path_is_known():
    found = set()
    for module in pkgutil.walk_packages(cli.__path__, "pipeline.cli."):
        for name, function in vars(importlib.import_module(module.name)).items():
            if inspect.isfunction(function) and function.__module__ == module.name and not name.startswith("_"):
                for option, one in inspect.signature(function).parameters.items():
                    described = str(one.annotation)
                    if re.search(r"pathlib\.(_local\.)?Path", described) and "OptionInfo" in described:
                        found.add(f"--{option}")
    assert "--scores" in found
    assert found - {"--model"} <= app_module._PATHS


def test_addresses_elsewhere_are_values():
    command = get_command(main.app)
    for arguments in (
        ["run", "--data", "gs://b/i", "--set", "push.serving_dir=gs://b/s", "--beam", "--temp_location=gs://b/t"],
        ["compare", "a.png", "b.png", "--model", "http://host:8501"],
        ["embed", "--model", "gs://b/m", "--images", "i", "--output", "x.npz"],
        ["rollback", "--serving-dir", "gs://b/s"],
    ):
        assert command.make_context("siamese", arguments)
