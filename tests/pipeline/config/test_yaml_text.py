"""A configuration that is not what was written is refused."""

import pytest
import yaml

from models.errors import UserError
from pipeline.config import load_config
from pipeline.config.yaml_text import dump_yaml, parse_argument, parse_documents, parse_yaml

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
        ("when: !!timestamp 2001-99-99", "month"),
        ("a: !!int x", "int"),
        (f"a: {'9' * 5000}", "digits"),
        ("a: !!python/object:os.system x", "could not determine a constructor"),
        ("{[a]: 1}", "unhashable"),
        ("a: 'unclosed", "quoted"),
        ("a: 010", "line 1: 010 begins with 0; write 10, or as a text '010'"),
        ("a: [-007]", "write -7,"),
        ("a:\n  b: 08", "line 2: 08 begins"),
        ("a: 00.5", "write 0.5"),
        ("a: 0_7", "write 7"),
        ("a: 00", "write 0"),
        ("01: a", "write 1"),
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


TEXTS = ["yes", "No", "ON", "off", "y", "1:30", "0:0.5", "190:20:30", "1_000", "2001-01-01", "0b11", "=", "1e", "."]
NUMBERS = {"1e1": 10.0, "2E-3": 0.002, "+7": 7, "-0": 0, "0x1F": 31, "0o17": 15, ".5": 0.5, "5.": 5.0, "0.05": 0.05}


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_that_only_yaml_1_1_takes_for_something_else_is_a_text(text):
    assert parse_yaml(f"a: {text}") == {"a": text}
    assert parse_yaml(f"{text}: 1") == {text: 1}


@pytest.mark.parametrize("text", NUMBERS)
def test_a_number_is_what_it_looks_like(text):
    assert parse_yaml(f"[{text}]") == [NUMBERS[text]]
    assert type(parse_yaml(text)) is type(NUMBERS[text])


@pytest.mark.parametrize("text", [*TEXTS, *NUMBERS, "010", "00", "0_7", "true", "Null", "~", "", "<<", "-.inf", "a #b"])
def test_what_is_written_out_is_read_as_it_was(text):
    content = {"a": [text, {text: text}], "b": 1e-05, "c": True, "d": None, "e": 1e20, "f": -3}
    assert parse_yaml(dump_yaml(content)) == content
    assert parse_documents(dump_yaml(content)) == [content]


@pytest.mark.parametrize(
    "override",
    [
        *("training.epochs=yes", "training.epochs=true", "training.epochs=1:30", "seed=0777", "seed=False"),
        *("encoder.dropout=0:0.5", "encoder.dropout=false", "encoder.filters=[4, true]", "image.channels=true"),
        *(
            "gates.floors={accuracy: true}",
            "data.split={test: on}",
            "tuner.dropout=[false, 0.5]",
            "training.drops=[no]",
        ),
    ],
)
def test_a_number_that_was_not_written_is_refused(tmp_path, override):
    with pytest.raises(UserError) as refused:
        load_config(overrides=[override])
    assert refused.value.code in ("config-invalid-value", "config-invalid-override")
    assert "\n" not in str(refused.value)
    key, _, value = override.partition("=")
    section, _, last = key.rpartition(".")
    (tmp_path / "c.yaml").write_text(f"{section}: {{{last}: {value}}}" if section else f"{key}: {value}")
    with pytest.raises(UserError):
        load_config(tmp_path / "c.yaml")


def test_numbers_and_truth_values_in_their_spellings():
    found = load_config(
        overrides=["training.epochs=1e1", "seed=0x10", "gates.beats_pixels=TRUE", "training.in_memory=on"]
    )
    assert (found.training.epochs, found.seed, found.gates.beats_pixels, found.training.in_memory) == (
        10,
        16,
        True,
        "on",
    )
    assert load_config(overrides=["training.in_memory=false"]).training.in_memory == "off"


@pytest.mark.parametrize(
    "value",
    [
        *("/x/serve #2", "#2", "/x # y", "'/x' # y", "[a, b] # c", "null # none", "3 #", "&x /x", "--- /x", "!!str /x"),
        *("/x\n/y", "%YAML 1.2\n--- /x", "{a: 1} #"),
    ],
)
def test_a_value_of_which_yaml_would_drop_a_part_is_refused(value):
    with pytest.raises(yaml.YAMLError, match="would count"):
        parse_argument(value)
    with pytest.raises(UserError) as refused:
        load_config(overrides=[f"push.serving_dir={value}"])
    assert refused.value.code == "config-invalid-override"


@pytest.mark.parametrize(
    ("value", "read"),
    [
        *(("/x/serve#2", "/x/serve#2"), ("'/x/serve #2'", "/x/serve #2"), ('"a # b"', "a # b"), (" 3 ", 3)),
        *(
            ("[a#, '#b']", ["a#", "#b"]),
            ("{a: '#'}", {"a": "#"}),
            ("null", None),
            ("a b", "a b"),
            ("[]", []),
            ("a\n...\n", "a"),
        ),
    ],
)
def test_the_value_of_an_option(value, read):
    assert parse_argument(value) == read
