"""CSV of any separator, and errors by line."""

import pytest

from components.storage.text_files import LineErrors, decode_text, header_of, read_csv
from models.errors import UserError


def test_rows_have_the_number_of_their_first_line():
    errors = LineErrors("t.csv", "data-manifest")
    rows = list(read_csv('a; b\n1; "x\n""y"""\n\n 2 ;z;\n3;4\n', errors))
    assert rows == [(2, {"a": "1", "b": 'x\n"y"'}), (6, {"a": "3", "b": "4"})]
    with pytest.raises(UserError, match=r"^t\.csv line 5: 3 fields, but 2 columns") as caught:
        errors.check()
    assert caught.value.code == "data-manifest"


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("path", ["path"]),
        ("", []),
        (" a | b", ["a", "b"]),
        ('"a"b,c', []),
        ("a,b;c,d", ["a", "b;c", "d"]),
        ("Path; Identity", ["path", "identity"]),
    ],
)
def test_the_header_gives_the_separator(text, header):
    assert header_of(text) == header


def test_no_errors_raise_nothing():
    LineErrors("t.csv", "data-manifest").check()


def test_text_is_utf8_with_or_without_a_mark():
    assert decode_text("t", b"\xef\xbb\xbf\xc3\xb6") == "ö"
    with pytest.raises(UserError, match=r"^t line 2: ") as caught:
        decode_text("t", b"\n\xff")
    assert caught.value.code == "data-not-utf8"
