"""Registries: modules are discovered, options come together in one section, and Keras is not needed for either."""

import subprocess
import sys
import types
from typing import ClassVar

import pytest
from pydantic import Field, ValidationError

from models.settings.base import Settings
from models.settings.registry import Choice, Registry, with_choices


class Shape(Choice):
    """The interface."""

    colour: str = "red"


class Circle(Shape):
    name: ClassVar[str] = "circle"

    radius: float = Field(2.0, gt=0, description="from the centre")


class Square(Shape):
    name: ClassVar[str] = "square"

    side: float = Field(3.0, gt=0, description="of all four")
    radius: float = Field(0.0, ge=0, description="of the corners")


@pytest.fixture
def shapes(monkeypatch):
    return registry_of(monkeypatch, Circle, Square)


def registry_of(monkeypatch, *classes):
    """The registry of a module that holds the classes."""
    module = types.ModuleType("shapes")
    for one in classes:
        monkeypatch.setattr(one, "__module__", "shapes")
        setattr(module, one.__qualname__, one)
    module.Shape = Shape  # imported there, not defined
    monkeypatch.setitem(sys.modules, "shapes", module)
    return Registry("shapes", Shape)


def test_what_a_module_defines_is_registered_by_name_and_what_it_imports_is_not(shapes):
    assert dict(shapes) == {"circle": Circle, "square": Square}


def test_a_name_that_is_taken_is_refused(monkeypatch):
    class Other(Shape):
        name: ClassVar[str] = "circle"

    with pytest.raises(TypeError, match="circle is registered by"):
        registry_of(monkeypatch, Circle, Other)


def test_a_section_has_the_names_and_all_options(shapes):
    @with_choices(shape=shapes)
    class Section(Settings):
        shape: str = Field("circle", description="of the table")

    fields = Section.model_fields
    assert Section.__name__ == "Section"
    assert list(fields) == ["shape", "radius", "side"]  # options that every shape has are the section's own business
    assert fields["radius"].description == "from the centre (circle); of the corners (square)"
    assert Section(shape="square", side=1).side == 1
    for wrong in ({"shape": "star"}, {"side": 0}):
        with pytest.raises(ValidationError):
            Section(**wrong)


def test_options_of_others_and_defaults_follow_from_the_classes(shapes):
    assert shapes.readers("radius") == ["circle", "square"]
    assert (shapes.unread_by("circle"), shapes.unread_by("square"), shapes.unread_by("star")) == (
        ["side"],
        [],
        ["radius", "side"],
    )
    assert (shapes.defaults("square"), shapes.defaults("star")) == ({"side": 3.0, "radius": 0.0}, {})


@pytest.mark.parametrize(
    "first", ["models.settings", "models.network.losses.triplet", "models.training.optimizers.muon"]
)
def test_any_module_may_be_imported_first_and_none_of_them_imports_keras(first):
    code = (
        f"import sys, {first}\n"
        "from models.settings.loss import LOSSES\nfrom models.settings.training import OPTIMIZERS\n"
        "assert 'triplet' in LOSSES and 'muon' in OPTIMIZERS\n"
        "assert not {'keras', 'tensorflow', 'numpy'} & set(sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
