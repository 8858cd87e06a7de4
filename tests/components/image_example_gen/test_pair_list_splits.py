"""Lists of pairs decide where the images that they name go."""

import pytest

from components.image_example_gen.pair_list_splits import with_listed_splits
from components.image_example_gen.sources.source import Found, Listing, SetAside
from components.pair_list.parsing import ListedPair
from models.errors import UserError

LISTING = Listing([Found("a/1.png", "a", ""), Found("b/1.png", "b", ""), Found("c/1.png", "c", "", "val")], [])


def given(lists: dict, listing: Listing = LISTING) -> list[str]:
    addresses = {split: f"{split}.txt" for split in lists}
    return [one.given_split for one in with_listed_splits(listing, addresses, lists)]


def test_named_images_go_to_the_split_of_the_list():
    assert given({"test": [ListedPair(1, "a/1", "b/1.png", 0)]}) == ["test", "test", "val"]
    assert given({}) == ["", "", "val"]


def test_images_that_were_set_aside_may_be_named():
    listing = Listing(LISTING.found, [SetAside("a/broken.png", "missing: no such file", 0)])
    assert given({"test": [ListedPair(1, "a/1.png", "a/broken.png", 1)]}, listing) == ["test", "", "val"]


def test_an_image_in_two_lists_is_refused():
    lists = {"val": [ListedPair(1, "a/1.png", "b/1.png", 0)], "test": [ListedPair(1, "a/1.png", "c/1.png", 0)]}
    with pytest.raises(UserError, match=r"a/1\.png is in both val\.txt and test\.txt"):
        given(lists)


def test_a_list_against_the_manifest_is_refused():
    with pytest.raises(UserError, match=r"c/1\.png is given to val, but test\.txt names it for test"):
        given({"test": [ListedPair(1, "a/1.png", "c/1.png", 0)]})
