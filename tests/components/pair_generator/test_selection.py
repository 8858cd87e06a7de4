import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.pair_generator.selection import Selection, choose_pairs
from components.pair_generator.settings import PairSettings
from models.errors import UserError
from models.features import GENUINE, KINDS, RANDOM, SAME_GROUP


@st.composite
def problems(draw):
    """Identities of all sizes in groups of all sizes, some in none, and settings that may ask too much."""
    sizes = draw(st.lists(st.integers(1, 12), min_size=2, max_size=12).filter(lambda sizes: max(sizes) > 1))
    group_of = draw(st.lists(st.integers(-1, 3), min_size=len(sizes), max_size=len(sizes)))
    identities = np.array(draw(st.permutations(np.repeat(np.arange(len(sizes)), sizes).tolist())))
    wanted = PairSettings(
        per_image=draw(st.floats(0.1, 30)),
        count={"test": draw(st.none() | st.integers(1, 200).map(lambda half: 2 * half))},
        max_per_identity=draw(st.integers(1, 40)),
        same_group=draw(st.floats(0, 1)),
    )
    return identities, np.array(group_of)[identities], wanted


def kinds(chosen: Selection) -> dict[str, int]:
    counts = np.bincount(chosen.kind, minlength=len(KINDS)).tolist()
    return {kind: count for kind, count in zip(KINDS, counts, strict=True) if count}


@given(problems(), st.sampled_from(["train", "test"]), st.integers(0, 2**31 - 1))
@settings(max_examples=300)
def test_every_promise_of_the_module(problem, split, seed):
    identities, groups, wanted = problem
    chosen = choose_pairs(identities, groups, wanted, split, seed)
    genuine = chosen.kind == KINDS.index(GENUINE)

    assert genuine.sum() * 2 == len(genuine) > 0, "balanced exactly"
    assert (chosen.a < chosen.b).all(), "no image with itself, a before b"
    assert len(set(zip(chosen.a.tolist(), chosen.b.tolist(), strict=True))) == len(genuine), "no pair twice"
    who_a, who_b = identities[chosen.a], identities[chosen.b]
    assert ((who_a == who_b) == genuine).all(), "the label is true"
    near = chosen.kind == KINDS.index(SAME_GROUP)
    assert (groups[chosen.a][near] == groups[chosen.b][near]).all(), "a same-group pair is one"
    assert (groups[chosen.a][near] >= 0).all(), "no group is no group"
    assert np.bincount(who_a[genuine], minlength=1).max() <= wanted.max_per_identity
    impostor_of = np.bincount(np.concatenate([who_a[~genuine], who_b[~genuine]]))
    assert impostor_of.max() <= 2 * wanted.max_per_identity
    assert len(genuine) <= chosen.asked, "not more than asked"

    again = choose_pairs(identities, groups, wanted, split, seed)
    assert all(np.array_equal(one, two) for one, two in zip(vars(chosen).values(), vars(again).values(), strict=True))


@given(problems(), st.integers(0, 100))
def test_balance_is_cut_only_where_no_impostor_pair_is_left(problem, seed):
    identities, groups, _ = problem
    chosen = choose_pairs(identities, groups, PairSettings(max_per_identity=1000), "train", seed)
    if chosen.unmatched:
        every = itertools.combinations(range(len(identities)), 2)
        assert kinds(chosen)[GENUINE] == sum(identities[a] != identities[b] for a, b in every)


def test_a_regular_split_gives_all_that_is_asked():
    identities = np.repeat(np.arange(100), 10)
    chosen = choose_pairs(identities, identities // 5, PairSettings(), "train", 7)
    assert kinds(chosen) == {GENUINE: 2000, RANDOM: 1000, SAME_GROUP: 1000}
    assert np.ptp(np.bincount(chosen.a, minlength=1000) + np.bincount(chosen.b, minlength=1000)) <= 3, "spread evenly"
    genuine = chosen.kind == KINDS.index(GENUINE)
    of_genuine, of_impostor = (
        np.bincount(np.concatenate([identities[chosen.a[rows]], identities[chosen.b[rows]]]))
        for rows in (genuine, ~genuine)
    )
    np.testing.assert_allclose(of_impostor, of_genuine, atol=2, err_msg="an identity does not tell the label")


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_same_group_share_is_kept(share):
    identities = np.repeat(np.arange(40), 8)
    found = kinds(choose_pairs(identities, identities // 4, PairSettings(same_group=share), "train", 0))
    assert found.get(SAME_GROUP, 0) == round(share * found[GENUINE])


def test_groups_of_one_identity_take_their_impostors_from_anywhere():
    identities = np.repeat(np.arange(10), 6)
    found = kinds(choose_pairs(identities, identities, PairSettings(same_group=1), "train", 0))
    assert found[RANDOM] == found[GENUINE]
    assert SAME_GROUP not in found


def test_a_count_is_reached_where_a_rate_would_stop_at_small_identities():
    identities = np.concatenate([np.repeat(np.arange(50), 2), 50 + np.repeat(np.arange(10), 40)])
    wanted = PairSettings(count={"test": 3000})
    chosen = choose_pairs(identities, np.full(len(identities), -1), wanted, "test", 0)
    assert len(chosen.kind) == 3000


def test_an_identity_with_one_image_is_in_impostor_pairs_alone():
    identities = np.concatenate([np.repeat(np.arange(10), 10), np.arange(10, 40)])
    chosen = choose_pairs(identities, np.full(len(identities), -1), PairSettings(), "train", 0)
    lone = (identities[chosen.a] >= 10) | (identities[chosen.b] >= 10)
    assert chosen.single.tolist() == list(range(10, 40))
    assert lone.any()
    assert (chosen.kind[lone] == KINDS.index(RANDOM)).all()


def test_seeds_and_splits_differ():
    identities = np.repeat(np.arange(20), 10)
    lists = {
        choose_pairs(identities, identities // 2, PairSettings(), split, seed).a.tobytes()
        for split in ("train", "val")
        for seed in (0, 1)
    }
    assert len(lists) == 4


@pytest.mark.parametrize(
    ("identities", "message"),
    [
        (np.zeros(40, int), "split val: 1 identity with 40 images: an impostor pair needs two"),
        (np.arange(30), "split val: 30 identities with one image each: a genuine pair needs two"),
    ],
)
def test_a_split_that_can_give_no_pairs_is_the_users_to_mend(identities, message):
    with pytest.raises(UserError, match=message):
        choose_pairs(identities, np.full(len(identities), -1), PairSettings(), "val", 0)


def test_a_huge_identity_costs_what_it_gives():
    identities = np.concatenate([np.zeros(200_000, int), np.repeat(np.arange(1, 1001), 5)])
    chosen = choose_pairs(identities, np.full(len(identities), -1), PairSettings(max_per_identity=300), "train", 0)
    assert (identities[chosen.a] == 0).sum() <= 900


def test_an_odd_count_is_refused():
    with pytest.raises(ValueError, match="even"):
        PairSettings(count={"test": 31})
