"""An Example is measured before it is parsed."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_model import GREY, pair_example, patterns

from pipeline.serving.server.examples import MAX_FIELDS, few_fields

EXAMPLE = pair_example(*patterns(2, GREY, seed=3))


def field(number: int, body: bytes) -> bytes:
    """A field with a length."""
    length, head = len(body), b""
    while length > 0x7F:
        head += bytes([length & 0x7F | 0x80])
        length >>= 7
    return bytes([number << 3 | 2]) + head + bytes([length]) + body


def example(value: bytes) -> bytes:
    """An Example of one feature."""
    return field(1, field(1, field(1, b"x") + field(2, value)))


BOMBS = {
    "features": field(1, b"".join(field(1, field(1, b"%d" % n)) for n in range(5000))),
    "features parts": field(1, field(1, b"")) * 5000,
    "empty strings": example(field(1, field(1, b"") * 5000)),
    "packed numbers": example(field(3, field(1, b"\1" * 5000))),
    "packed floats": example(field(2, field(1, bytes(4) * 5000))),
    "numbers": example(field(3, b"\x08\1" * 5000)),
    "unknown": example(b"\x78\1" * 5000),
    "lists": example(field(1, b"") * 5000),
}


def test_a_pair():
    assert few_fields(EXAMPLE)
    assert few_fields(b"")
    assert few_fields(example(field(1, field(1, bytes(1_000_000)))))


@pytest.mark.parametrize("name", BOMBS)
def test_bombs(name):
    assert not few_fields(BOMBS[name])


LONG = example(field(1, field(1, bytes(2 * MAX_FIELDS))))


@pytest.mark.parametrize("serialized", [b"\xff" * 2 * MAX_FIELDS, b"\x0b" + LONG, LONG[:-3]])
def test_no_message(serialized):
    with pytest.raises(ValueError, match=r"."):
        few_fields(serialized)


@given(st.binary(max_size=300))
def test_any_bytes(beginning):
    with suppress(ValueError):
        assert few_fields(beginning + LONG) in (True, False)


def test_what_is_too_short_for_as_many_is_not_looked_at():
    assert few_fields(b"\xff" * MAX_FIELDS)


def test_the_bound_is_far_from_a_pair():
    assert EXAMPLE.count(b"a_") + EXAMPLE.count(b"b_") < MAX_FIELDS / 20
