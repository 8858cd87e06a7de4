"""A user's own pairs are taken as they are, and must be true."""

import numpy as np
import pytest

from components.pair_generator.listed_pairs import choose_listed
from components.pair_generator.selection import SplitImages
from components.storage.pair_lists import LabelledPair
from models.data.features import FORGERY, GENUINE, KINDS, LISTED
from models.errors import UserError

IDS = ["a/1.png", "a/2.png", "b/1.png", "f/1.png"]
IMAGES = SplitImages(np.array([0, 0, 1, -1]), np.full(4, -1), np.array([-1, -1, -1, 0]))


def test_they_keep_their_order_and_get_their_kinds():
    pairs = [LabelledPair(1, "b/1", "a/1", 0), LabelledPair(2, "a/2", "a/1", 1), LabelledPair(3, "f/1", "a/2", 0)]
    chosen = choose_listed("mine", pairs, IDS, IMAGES)
    assert list(zip(chosen.a.tolist(), chosen.b.tolist(), strict=True)) == [(0, 2), (0, 1), (1, 3)]
    assert [KINDS[kind] for kind in chosen.kind] == [LISTED, GENUINE, FORGERY]
    assert chosen.notes == ()


def test_pairs_of_images_that_were_set_aside_are_left_out_and_counted():
    pairs = [LabelledPair(1, "b/1", "a/1", 0), LabelledPair(2, "a/2", "a/1", 1), LabelledPair(3, "gone", "a/2", 0)]
    chosen = choose_listed("mine", pairs, IDS, IMAGES)
    assert len(chosen.kind) == 2
    assert chosen.notes == ("1 listed pairs left out: images of theirs were set aside",)


@pytest.mark.parametrize(
    ("pair", "expected"),
    [
        (LabelledPair(7, "a/1", "b/1", 1), "mine line 7: 'a/1' and 'b/1' are images of two identities, but same is 1"),
        (LabelledPair(7, "a/1", "a/2", 0), "are two images of one identity, but same is 0"),
        (LabelledPair(7, "a/1", "f/1", 1), "are images of two identities, but same is 1"),
    ],
)
def test_a_label_that_is_not_true_is_the_users_error(pair, expected):
    with pytest.raises(UserError, match=expected):
        choose_listed("mine", [pair], IDS, IMAGES)


def test_both_labels_must_be_there():
    with pytest.raises(UserError, match="mine: 1 pairs are left in this split; both genuine and impostor"):
        choose_listed("mine", [LabelledPair(1, "a/1", "a/2", 1)], IDS, IMAGES)
