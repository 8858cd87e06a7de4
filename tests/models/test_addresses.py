"""Paths and addresses."""

import pytest

from models.addresses import is_address


@pytest.mark.parametrize("text", ["gs://bucket/a", "s3://b", "https://x/y?z", "my-store+1://x"])
def test_an_address_begins_with_a_scheme(text):
    assert is_address(text)


@pytest.mark.parametrize("text", ["/data/x://y", "./x://y", "://y", "a b://c", "C:/x", "", "1://x", "photos"])
def test_everything_else_is_a_path(text):
    assert not is_address(text)
