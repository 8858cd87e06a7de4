"""Every key of the configuration, with extremes: refused by name, or of a size that everything downstream can hold."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from models.errors import UserError
from models.settings.base import is_section, sections_in
from pipeline.config import load_config
from pipeline.config.configuration import Config

INTS = (10**20, -(10**20), 2**63, 2**31, -1, -0.0, 10**400)
FLOATS = (float("nan"), float("inf"), float("-inf"), 1e300, -1e300, 1e-300)
TEXTS = ("", " ", "a" * 20_000, "a\x07b", "a\x00b", "\x1b[31m", "é" * 300, "../" * 100)
LISTS = (["a"] * 10_001, [1] * 10_001, [[]] * 3, {"a": 1})
TABLES = ({str(n): 1 for n in range(10_001)}, {"": ""}, {"a\x00": "a"})
INT32, INT64, FLOAT32 = 2**31, 2**63, 1e38


def keys(section: type[BaseModel] = Config, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, field in section.model_fields.items():
        if is_section(field.annotation):
            yield from keys(field.annotation, (*path, name))
        else:
            yield (*path, name)
            for inner in sections_in(field.annotation):
                yield from keys(inner, (*path, name, "0"))


KEYS = [path for path in keys() if "0" not in path]


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for key, one in value.items():
            yield key
            yield from leaves(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from leaves(one)
    else:
        yield value


def fits(key: str, value: Any) -> bool:
    if isinstance(value, bool) or value is None:
        return True
    if isinstance(value, int):
        return abs(value) < (INT64 if key == "gates.ignore_baseline" else INT32)
    if isinstance(value, float):
        return value == 0 or 1e-38 < abs(value) < FLOAT32
    return len(value) <= 10_000 and not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", value)


@pytest.mark.parametrize("path", KEYS, ids=".".join)
def test_an_extreme_value_is_refused_with_its_key_or_fits(path, tmp_path):
    key, file = ".".join(path), tmp_path / "c.yaml"
    for value in (*INTS, *FLOATS, *TEXTS, *LISTS, *TABLES):
        content: Any = value
        for part in reversed(path):
            content = {part: content}
        try:
            found = load_config_of(content, file)
        except UserError as error:
            message = str(error)
            assert path[-1] in message or "YAML" in message, (key, value)
            assert len(message) < 5000
            assert not re.search(r"[\x00-\x08\x0b-\x1f]", message), (key, value)
            continue
        section: Any = found.model_dump()
        for part in path:
            section = section[part]
        assert all(fits(key, one) for one in leaves(section)), (key, value, section)


def load_config_of(content: Any, file) -> Config:
    """Small contents as a file, which is what a person writes; the parser takes too long for 100,000 entries."""
    from pipeline.config.loading import UserValues, checked

    text = yaml.safe_dump(content) if len(str(content)) < 2000 else ""
    if not text:
        return checked(UserValues("c.yaml", content))
    file.write_text(text, encoding="utf-8")
    return load_config(file)


@pytest.mark.parametrize(
    "name", ["a" * 64, "a-", "-a", "A", "a_b", "a.b", "a\n", "ä", "1a", "a b", "", "a/b", "..", "a\x00"]
)
def test_a_name_that_tfx_or_kubernetes_refuses(name):
    with pytest.raises(UserError, match="name: "):
        load_config(overrides=[f"name={yaml.safe_dump(name)}"])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.epochs=99999999999999999999", "training.epochs"),
        ("training.join_minutes=1e18", "training.join_minutes"),
        ("serving_validator.timeout=1e300", "serving_validator.timeout"),
        ("kubeflow.schedule.interval=99999999999999d", "kubeflow.schedule.interval"),
        ("kubeflow.schedule.end=9999-12-31T23:59-14:00", "kubeflow.schedule.end"),
        ("kubeflow.labels={a b: c}", "kubeflow.labels"),
        ("kubeflow.env={1A: c}", "kubeflow.env"),
        (f"kubeflow.namespace={'a' * 64}", "kubeflow.namespace"),
        (f"kubeflow.resources={{default: {{cpu: '{'9' * 400}'}}}}", "kubeflow.resources"),
        ("encoder.filters=[100000000]", "encoder.filters"),
        ("loss={name: supervised_contrastive, form: batch, temperature: 1e-20}", "loss.temperature"),
        ("gates.floors={accuracy: .nan}", "gates.floors.accuracy"),
        ("tuner.embedding={min: 1, max: 1e20}", "tuner.embedding"),
    ],
)
def test_values_that_used_to_fail_later(override, message):
    with pytest.raises(UserError, match=re.escape(message)) as raised:
        load_config(overrides=[override])
    assert raised.value.code == "config-invalid-value"


def test_the_largest_name_and_a_version_number_are_accepted():
    assert load_config(overrides=[f"name={'a' * 63}", f"gates.ignore_baseline={2**62}"]).gates.ignore_baseline == 2**62
