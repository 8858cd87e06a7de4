from typing import Annotated

import pytest

from models.settings.base import Affects, IsPath, Settings, affecting, change_paths


class Inner(Settings):
    plain: int = 1
    logged: Annotated[int, Affects.CONFIGURATION] = 1
    file: Annotated[str | None, IsPath(unless=("none",))] = None


class Outer(Settings):
    nothing: Annotated[int, Affects.NOTHING] = 1
    recipe: Annotated[int, Affects.RECIPE] = 1
    inner: Inner = Inner()
    watched: Annotated[Inner, Affects.CONFIGURATION] = Inner()
    several: tuple[Inner, ...] = (Inner(),)
    perhaps: Inner | None = None


def keys(level: Affects) -> set[str]:
    kept = affecting(level, Outer, Outer().model_dump())
    return {*kept} | {f"inner.{key}" for key in kept["inner"]}


def test_a_field_without_a_marker_affects_everything():
    assert {"inner", "inner.plain", "several", "perhaps"} <= keys(Affects.WEIGHTS)


@pytest.mark.parametrize(
    ("level", "left_out"),
    [
        (Affects.NOTHING, set()),
        (Affects.CONFIGURATION, {"nothing"}),
        (Affects.RECIPE, {"nothing", "watched", "inner.logged"}),
        (Affects.WEIGHTS, {"nothing", "watched", "inner.logged", "recipe"}),
    ],
)
def test_a_marked_field_affects_its_level_and_the_wider_ones(level, left_out):
    assert keys(level) == keys(Affects.NOTHING) - left_out


def test_a_key_that_the_class_does_not_have_is_kept():
    assert affecting(Affects.WEIGHTS, Outer, {"other": 1, "nothing": 2}) == {"other": 1}


def test_paths_are_changed_wherever_a_section_may_be():
    content = {
        "inner": {"file": "a", "plain": "b"},
        "watched": {"file": "none"},
        "perhaps": {"file": "gs://c"},
        "several": "no section",
    }
    change_paths(Outer, content, str.upper)
    assert content["inner"] == {"file": "A", "plain": "b"}
    assert (content["watched"]["file"], content["perhaps"]["file"]) == ("none", "gs://c")
