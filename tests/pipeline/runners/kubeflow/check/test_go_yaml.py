import pytest
import yaml

from pipeline.runners.kubeflow.check import go_yaml

# What gopkg.in/yaml.v3 takes for numbers, of which PyYAML's writer would leave the quotes away.
NUMBERS = ["12e45", "0812345", "0o17", "1e5", "1.5e3", "1_2e3", "1e+5", ".5e3", "+12e03", "-08"]
TEXTS = ["12e45f", "e12", "_1", "1.2.3", "0x", "", "-", ".", "2e", "sha256:12e45"]


@pytest.mark.parametrize("text", NUMBERS)
def test_what_the_backend_would_take_for_a_number_is_quoted(text):
    assert yaml.safe_dump(text).startswith(text)  # else there would be no need
    written = go_yaml.dump_all([{"constant": text}])

    assert written == f"constant: '{text}'\n"
    assert yaml.safe_load(written) == {"constant": text}
    assert go_yaml.misread(written) == []


@pytest.mark.parametrize("text", TEXTS)
def test_other_texts_stay_as_they_are(text):
    assert not go_yaml.is_number(text)
    assert go_yaml.dump_all([text]) == yaml.safe_dump_all([text])


def test_lines_numbers_and_flags_stay_what_they_are():
    document = {"text": "a\n  b\n", "one": 1, "half": 0.5, "yes": True, "none": None, "on": ["on", "1", "2020-01-01"]}

    assert list(yaml.safe_load_all(go_yaml.dump_all([document, document]))) == [document, document]


def test_what_is_there_twice_is_written_twice():
    shared = {"a": "b"}

    assert go_yaml.dump_all([{"x": shared, "y": shared}]) == "x:\n  a: b\ny:\n  a: b\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a:\n  - 12e45", "line 2: the backend reads 12e45 as a number; a text must be in quotes: '12e45'"),
        ("a: on", "line 1: the backend reads on as a text; write true or false"),
        ("a: 12:30", "line 1: the backend reads 12:30 as a text; put it in quotes"),
        ("a: 1\nb: 2\na: 3", "line 3: a occurs twice, which the backend refuses"),
        ("{}\n---\n0812: x", "line 3: the backend reads 0812 as a number"),
    ],
)
def test_what_would_be_misread_is_found_with_its_line(text, message):
    (found,) = go_yaml.misread(text)

    assert found.startswith(message)


@pytest.mark.parametrize("text", ["a: true", "a: '12e45'", 'a: "12e45"', "a: 5", "a: 1.5e+3", "a: |\n  12e45", ""])
def test_what_both_read_alike_is_not_a_finding(text):
    assert go_yaml.misread(text) == []
