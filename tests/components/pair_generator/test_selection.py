import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.pair_generator.selection import Selection, SplitImages, choose_pairs
from components.pair_generator.settings import PairSettings
from models.data.features import FORGERY, GENUINE, KINDS, MINED, RANDOM, SAME_GROUP
from models.errors import UserError


def choose(identities, groups, wanted: PairSettings, split: str, seed: int) -> Selection:
    return choose_pairs(SplitImages(identities, groups, np.full(len(identities), -1)), wanted, split, seed)


@st.composite
def problems(draw):
    """Identities and groups of all sizes, some in no group, forgeries of some, and settings that may ask too much."""
    sizes = draw(st.lists(st.integers(1, 12), min_size=2, max_size=12).filter(lambda sizes: max(sizes) > 1))
    group_of = draw(st.lists(st.integers(-1, 3), min_size=len(sizes), max_size=len(sizes)))
    identities = np.array(draw(st.permutations(np.repeat(np.arange(len(sizes)), sizes).tolist())))
    wanted = PairSettings(
        per_image=draw(st.floats(0.1, 30)),
        count={"test": draw(st.none() | st.integers(1, 200).map(lambda half: 2 * half))},
        max_per_identity=draw(st.integers(1, 40)),
        max_per_image=draw(st.none() | st.integers(2, 20)),
        same_group=draw(st.just(0) | st.floats(1e-9, 1)),
        forgeries=draw(st.just(0) | st.floats(1e-9, 0.6)),
        mined=draw(st.just(0) | st.floats(1e-9, 0.4)),
    )
    forged = draw(st.lists(st.integers(-1, len(sizes) - 1), max_size=10))
    positions = np.array(
        draw(st.lists(st.integers(0, len(identities)), min_size=len(forged), max_size=len(forged))), int
    )
    images = SplitImages(
        identities=np.insert(identities, positions, -1),
        groups=np.insert(np.array(group_of)[identities], positions, -1),
        imitated=np.insert(np.full(len(identities), -1), positions, forged),
        embeddings=draw(st.none() | st.integers(0, 9).map(lambda seed: _points(len(identities) + len(forged), seed))),
    )
    return images, wanted


def _points(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 3)).astype(np.float32)


def kinds(chosen: Selection) -> dict[str, int]:
    counts = np.bincount(chosen.kind, minlength=len(KINDS)).tolist()
    return {kind: count for kind, count in zip(KINDS, counts, strict=True) if count}


@given(problems(), st.sampled_from(["train", "test"]), st.integers(0, 2**31 - 1))
@settings(max_examples=300)
def test_every_rule_of_the_module(problem, split, seed):
    images, wanted = problem
    chosen = choose_pairs(images, wanted, split, seed)
    genuine, forged, near, mined = (chosen.kind == KINDS.index(kind) for kind in (GENUINE, FORGERY, SAME_GROUP, MINED))

    assert genuine.sum() * 2 == len(genuine) > 0, "balanced exactly"
    assert (chosen.a < chosen.b).all(), "no image with itself, a before b"
    assert len(set(zip(chosen.a.tolist(), chosen.b.tolist(), strict=True))) == len(genuine), "no pair twice"
    who_a, who_b = images.identities[chosen.a], images.identities[chosen.b]
    assert (((who_a == who_b) & (who_a >= 0)) == genuine).all(), "the label is true"
    assert ((images.identities[[chosen.a, chosen.b]] < 0).sum(axis=0) == forged).all(), (
        "a forgery is in such pairs alone"
    )
    assert (
        np.where(who_a < 0, images.imitated[chosen.a], who_a)[forged]
        == np.where(who_b < 0, images.imitated[chosen.b], who_b)[forged]
    ).all(), "beside whom it imitates"
    assert (images.groups[chosen.a][near] == images.groups[chosen.b][near]).all(), "a same-group pair is one"
    assert (images.groups[chosen.a][near] >= 0).all(), "no group is no group"
    assert not mined.any() or (split == "train" and images.embeddings is not None and wanted.mined)
    assert np.bincount(who_a[genuine], minlength=1).max() <= wanted.max_per_identity
    of_impostors = np.concatenate([who_a[~genuine], who_b[~genuine]])
    assert np.bincount(of_impostors[of_impostors >= 0]).max() <= 2 * wanted.max_per_identity
    if wanted.max_per_image:
        assert np.bincount(np.concatenate([chosen.a, chosen.b])).max() <= wanted.max_per_image
    assert len(genuine) <= chosen.asked, "not more than asked"

    again = choose_pairs(images, wanted, split, seed)
    assert all(np.array_equal(one, two) for one, two in zip(vars(chosen).values(), vars(again).values(), strict=True))


@given(problems(), st.integers(0, 100))
def test_balance_is_cut_only_where_no_impostor_pair_is_left(problem, seed):
    images, _ = problem
    identities = images.identities[images.identities >= 0]
    groups = images.groups[images.identities >= 0]
    chosen = choose(identities, groups, PairSettings(max_per_identity=1000), "train", seed)
    if chosen.unmatched:
        every = itertools.combinations(range(len(identities)), 2)
        assert kinds(chosen)[GENUINE] == sum(identities[a] != identities[b] for a, b in every)


def signed(writers: int, genuine: int, forged: int) -> SplitImages:
    """The same number of genuine and forged images of each writer, one after the other."""
    each = np.repeat(np.arange(writers), genuine + forged)
    is_forged = np.tile(np.arange(genuine + forged) >= genuine, writers)
    return SplitImages(np.where(is_forged, -1, each), np.full(len(each), -1), np.where(is_forged, each, -1))


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_share_of_forgeries_is_kept_and_they_take_turns(share):
    images = signed(writers=10, genuine=8, forged=5)
    chosen = choose_pairs(images, PairSettings(forgeries=share, max_per_image=None), "test", 0)
    found = kinds(chosen)
    assert found.get(FORGERY, 0) == pytest.approx(share * found[GENUINE], abs=1)
    used = np.bincount(np.concatenate([chosen.a, chosen.b]), minlength=len(images.identities))
    if share:
        assert np.ptp(used[images.imitated >= 0]) <= 2, "spread evenly"


def test_few_forgeries_give_what_there_is_and_others_fill_up():
    images = signed(writers=4, genuine=10, forged=1)
    chosen = choose_pairs(images, PairSettings(per_image=8, forgeries=1), "test", 0)
    found = kinds(chosen)
    assert found[FORGERY] == 4 * 10
    assert found[FORGERY] + found[RANDOM] == found[GENUINE]


def test_forgeries_of_identities_of_other_splits_are_reported():
    images = signed(writers=4, genuine=4, forged=2)
    images.imitated[images.imitated == 3] = -1
    chosen = choose_pairs(images, PairSettings(), "val", 0)
    assert chosen.notes == ("2 given forgeries are of identities that have no image in this split: in no pair",)


def test_mined_impostors_are_nearer_than_drawn_ones():
    identities = np.repeat(np.arange(60), 6)
    centres = np.random.default_rng(0).normal(size=(60, 8))
    embeddings = (centres[identities] + 0.1 * np.random.default_rng(1).normal(size=(360, 8))).astype(np.float32)
    nobody = np.full(len(identities), -1)
    images = SplitImages(identities, nobody, nobody, embeddings)
    chosen = choose_pairs(images, PairSettings(mined=0.5), "train", 0)
    found = kinds(chosen)
    assert found[MINED] == pytest.approx(found[GENUINE] / 2, rel=0.1)
    apart = np.linalg.norm(embeddings[chosen.a] - embeddings[chosen.b], axis=1)
    drawn = np.median(apart[chosen.kind == KINDS.index(RANDOM)])
    assert np.median(apart[chosen.kind == KINDS.index(MINED)]) < 0.7 * drawn
    assert MINED not in kinds(choose_pairs(images, PairSettings(mined=0.5), "test", 0)), "train alone"


def test_without_a_model_nothing_is_mined_and_a_note_is_made():
    identities = np.repeat(np.arange(20), 6)
    chosen = choose(identities, identities // 5, PairSettings(mined=0.5), "train", 0)
    assert MINED not in kinds(chosen)
    assert len(chosen.kind) == 480
    assert "no model of this pipeline serves yet" in chosen.notes[0]


def test_a_cap_on_images_holds_and_costs_few_pairs():
    identities = np.concatenate([np.repeat(np.arange(40), 3), 40 + np.repeat(np.arange(4), 100)])
    capped = choose(identities, np.full(len(identities), -1), PairSettings(max_per_image=8), "train", 0)
    assert np.bincount(np.concatenate([capped.a, capped.b])).max() == 8
    free = choose(identities, np.full(len(identities), -1), PairSettings(), "train", 0)
    assert len(capped.kind) > 0.9 * len(free.kind)


def test_a_regular_split_gives_all_that_is_asked():
    identities = np.repeat(np.arange(100), 10)
    chosen = choose(identities, identities // 5, PairSettings(), "train", 7)
    assert kinds(chosen) == {GENUINE: 2000, RANDOM: 1000, SAME_GROUP: 1000}
    assert np.ptp(np.bincount(chosen.a, minlength=1000) + np.bincount(chosen.b, minlength=1000)) <= 3, "spread evenly"
    genuine = chosen.kind == KINDS.index(GENUINE)
    of_genuine, of_impostor = (
        np.bincount(np.concatenate([identities[chosen.a[rows]], identities[chosen.b[rows]]]))
        for rows in (genuine, ~genuine)
    )
    np.testing.assert_allclose(of_impostor, of_genuine, atol=2, err_msg="an identity does not predict the label")


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_same_group_share_is_kept(share):
    identities = np.repeat(np.arange(40), 8)
    found = kinds(choose(identities, identities // 4, PairSettings(same_group=share), "train", 0))
    assert found.get(SAME_GROUP, 0) == round(share * found[GENUINE])


def test_groups_of_one_identity_take_their_impostors_from_anywhere():
    identities = np.repeat(np.arange(10), 6)
    found = kinds(choose(identities, identities, PairSettings(same_group=1), "train", 0))
    assert found[RANDOM] == found[GENUINE]
    assert SAME_GROUP not in found


def test_a_count_is_reached_where_a_rate_would_stop_at_small_identities():
    identities = np.concatenate([np.repeat(np.arange(50), 2), 50 + np.repeat(np.arange(10), 40)])
    wanted = PairSettings(count={"test": 3000})
    chosen = choose(identities, np.full(len(identities), -1), wanted, "test", 0)
    assert len(chosen.kind) == 3000


def test_an_identity_with_one_image_is_in_impostor_pairs_alone():
    identities = np.concatenate([np.repeat(np.arange(10), 10), np.arange(10, 40)])
    chosen = choose(identities, np.full(len(identities), -1), PairSettings(), "train", 0)
    lone = (identities[chosen.a] >= 10) | (identities[chosen.b] >= 10)
    assert chosen.single.tolist() == list(range(10, 40))
    assert lone.any()
    assert (chosen.kind[lone] == KINDS.index(RANDOM)).all()


def test_seeds_and_splits_differ():
    identities = np.repeat(np.arange(20), 10)
    lists = {
        choose(identities, identities // 2, PairSettings(), split, seed).a.tobytes()
        for split in ("train", "val")
        for seed in (0, 1)
    }
    assert len(lists) == 4


@pytest.mark.parametrize(
    ("identities", "code", "fact"),
    [
        (np.zeros(40, int), "data-too-few-identities", "1 identity with 40 images"),
        (np.arange(30), "data-no-genuine-pair", "30 identities with one image each"),
    ],
)
def test_a_split_that_can_have_no_pairs_is_the_users_error(identities, code, fact):
    with pytest.raises(UserError, match=f"split val: {fact}") as error:
        choose(identities, np.full(len(identities), -1), PairSettings(), "val", 0)
    assert error.value.code == code


def test_a_huge_identity_costs_what_it_gives():
    identities = np.concatenate([np.zeros(200_000, int), np.repeat(np.arange(1, 1001), 5)])
    chosen = choose(identities, np.full(len(identities), -1), PairSettings(max_per_identity=300), "train", 0)
    assert (identities[chosen.a] == 0).sum() <= 900


def test_an_odd_count_is_refused():
    with pytest.raises(ValueError, match="even"):
        PairSettings(count={"test": 31})
