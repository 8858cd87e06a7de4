"""A configuration that is not what was written is refused."""

import pytest
import yaml

from models.errors import UserError
from pipeline.config import load_config
from pipeline.config.yaml_text import parse_documents, parse_yaml

BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("loss: {margin: 1}\nloss: {margin: 2}", "line 2: the key 'loss' is in line 1 already"),
        ("loss:\n  margin: 1\n  # a comment\n  margin: 1", "line 4: the key 'margin' is in line 2 already"),
        ("a:\n- b: {c: [{d: 1,\n    d: 2}]}", "line 3: the key 'd' is in line 2 already"),
        ("on: 1\n'on': 2", "line 2: the key 'on'"),
        ("? a\n: 1\n? a\n: 2", "line 3: the key 'a'"),
        ("a: 1\n---\nb: 2", "2 documents"),
        ("a:\n\tb: 1", "\\t"),
        ("[" * 2000, "nested deeper|expected"),
        ("[" * 200 + "]" * 200, "nested deeper than 100 levels"),
        ("{a: " * 5000, "nested deeper"),
        (BOMB, "more than 100,000 values"),
        ("a: &a [*a]", "an anchor that contains itself"),
        ("a: &a {b: *a}", "an anchor that contains itself"),
        ("a: *b", "undefined alias"),
        ("when: 2001-99-99", "month"),
        ("a: !!int x", "int"),
        (f"a: {'9' * 5000}", "digits"),
        ("a: !!python/object:os.system x", "could not determine a constructor"),
        ("{[a]: 1}", "unhashable"),
        ("a: 'unclosed", "quoted"),
        ("a: \x00", "special characters"),
        ("a: \x1b", "special characters"),
    ],
)
def test_what_is_refused(text, message):
    with pytest.raises(yaml.YAMLError, match=message):
        parse_yaml(text)


def test_anchors_and_merge_keys_work():
    text = "base: &base {a: 1, b: 2}\none: {<<: *base, b: 3}\ntwo: {<<: *base}\nthree: *base\n"
    base = {"a": 1, "b": 2}
    assert parse_yaml(text) == {"base": base, "one": {"a": 1, "b": 3}, "two": base, "three": base}


def test_several_documents_where_they_are_expected():
    assert parse_documents("a: 1\n---\na: 2\n") == [{"a": 1}, {"a": 2}]
    assert parse_yaml("") is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[]", r"not \[\]"),
        (b"false", "not False"),
        (b"0", "not 0"),
        (b"'text'", "not 'text'"),
        (b"- a\n- b", r"not \['a', 'b'\]"),
        (b"name: caf\xe9", "line 1 is not UTF-8"),
        (b"\xff\xfen\x00a\x00", "not UTF-8"),
        (b"training:\n  epochs: 1\ntraining:\n  epochs: 2\n", "the key 'training' is in line 1 already"),
        (b"a" * (2 << 20), "longer than 1,048,576 bytes"),
    ],
)
def test_a_file_that_is_no_configuration(tmp_path, content, message):
    file = tmp_path / "c.yaml"
    file.write_bytes(content)
    with pytest.raises(UserError, match=message) as raised:
        load_config(file)
    assert "\n" not in str(raised.value)


def test_a_byte_order_mark_is_none_of_the_content(tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text("name: bom\n", encoding="utf-8-sig")
    assert load_config(file).name == "bom"


def test_a_key_twice_in_an_override_is_refused():
    with pytest.raises(UserError, match="the key 'epochs' is in line 1 already"):
        load_config(overrides=["training={epochs: 1, epochs: 2}"])


def test_an_override_that_another_replaces_is_reported(caplog):
    assert load_config(overrides=["training.epochs=1", "training.epochs=2"]).training.epochs == 2
    assert "--set training.epochs=2 replaces --set training.epochs=1" in caplog.text
    load_config(overrides=["training.epochs=1", "training={patience: 3}"])
    assert "--set training={patience: 3} replaces --set training.epochs=1" in caplog.text
