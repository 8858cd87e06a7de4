import numpy as np
import pytest
import tensorflow as tf

from models.data.batches import IdentityBatches, PairBatches, Share, batch_dataset
from models.data.dataset import ImageTable, PairTable
from models.data.features import FORGED
from models.settings import BatchSettings


def table(
    identities: list[int], groups: list[int] | None = None, size: int = 3, imitates: list[int] | None = None
) -> ImageTable:
    """Images that say which they are: the first pixel is the row, the second the identity, no two turns alike."""
    pixels = np.zeros((len(identities), size, size, 1), np.uint8)
    pixels[:, 0, 0, 0], pixels[:, 0, 1, 0] = np.arange(len(identities)), identities
    group = np.zeros(len(identities), int) if groups is None else np.array(groups)[identities]
    return ImageTable(pixels, {}, np.array(identities), group, np.array(imitates or [-1] * len(identities)))


def seen(raw: np.ndarray, size: int = 3) -> np.ndarray:
    return np.stack([np.frombuffer(image, np.uint8).reshape(size, size) for image in raw])


def batches(given: ImageTable, turns: bool = False, seed: int = 0, rows=None, **settings) -> IdentityBatches:
    rows = np.arange(len(given.pixels)) if rows is None else rows
    return IdentityBatches(given, rows, BatchSettings(**settings), seed, turns)


def mined_batches(given: ImageTable, pairs: np.ndarray, share: float, turns: bool = False, **settings):
    rows = np.arange(len(given.pixels))
    return IdentityBatches(given, rows, BatchSettings(mined=share, **settings), 0, turns, mined=pairs)


TEN_EACH = [identity for identity in range(12) for _ in range(10)]


class TestIdentityBatches:
    def test_every_image_comes_with_its_own_label(self):
        made = batches(table(TEN_EACH), identities=5, images=4)
        for number in range(made.steps_per_epoch):
            raw, labels = made.step(number)
            pixels = seen(raw)
            assert len(raw) == len(labels) == 20
            np.testing.assert_array_equal(pixels[:, 0, 1], labels)
            assert sorted(np.unique(labels, return_counts=True)[1]) == [4] * 5
            assert len(np.unique(pixels[:, 0, 0])) == 20  # enough images: none twice

    def test_an_epoch_is_about_as_long_as_the_images(self):
        assert batches(table(TEN_EACH), identities=5, images=4).steps_per_epoch == 6
        assert batches(table(TEN_EACH), identities=7, images=4).steps_per_epoch == 5

    def test_the_identities_of_a_step_come_from_few_groups(self):
        groups = [identity // 4 for identity in range(24)]
        images = table([identity for identity in range(24) for _ in range(4)], groups)
        made = batches(images, identities=8, images=2, groups=2)
        met = set()
        for number in range(20):
            found = {groups[label] for label in made.step(number)[1]}
            assert len(found) == 2
            met |= found
        assert met == set(range(6))

    def test_forgeries_come_with_whom_they_imitate_and_are_nobody(self):
        genuine = [identity for identity in range(6) for _ in range(4)]
        forged = list(range(6, 6 + 9))  # each an identity of its own: three of 0, three of 1, three of 2
        images = table(genuine + forged, imitates=[-1] * len(genuine) + [0, 0, 0, 1, 1, 1, 2, 2, 2])
        made = batches(images, identities=3, images=2, forgeries=2)
        met: set[int] = set()
        for number in range(30):
            raw, labels = made.step(number)
            rows = seen(raw)[:, 0, 0]
            chosen, fakes = labels[labels != FORGED], rows[labels == FORGED]
            assert len(chosen) == 6
            assert (rows[: len(chosen)] < len(genuine)).all()
            expected = sorted(identity for identity in set(chosen.tolist()) if identity < 3 for _ in range(2))
            assert sorted(images.imitates[fakes].tolist()) == expected
            met |= set(fakes.tolist())
        assert met == set(range(len(genuine), len(genuine) + 9))
        assert set(batches(images, identities=3, images=2, forgeries=0).step(0)[1]) <= set(range(6))

    def test_where_the_groups_are_too_small_others_fill_up(self):
        groups = list(range(12))  # each identity a group of its own
        made = batches(table(TEN_EACH, groups), identities=6, images=2, groups=2)
        assert len(np.unique(made.step(0)[1])) == 6

    def test_few_identities_bring_more_images_each(self):
        made = batches(table([i for i in range(3) for _ in range(40)]), identities=24, images=4)
        raw, labels = made.step(0)
        assert np.unique(labels, return_counts=True)[1].tolist() == [32, 32, 32]
        assert len(np.unique(seen(raw)[:, 0, 0])) == 96

    def test_an_identity_with_one_image_repeats_it(self):
        made = batches(table([0, 1, 1, 1, 1, 1, 1]), identities=2, images=4)
        raw, labels = made.step(0)
        pixels = seen(raw)
        assert np.bincount(labels).tolist() == [4, 4]
        assert set(pixels[labels == 0, 0, 0]) == {0}
        assert len(set(pixels[labels == 1, 0, 0])) == 4

    def test_only_the_rows_given_are_used(self):
        made = batches(table(TEN_EACH), identities=12, images=2, rows=np.arange(0, 120, 5))
        assert {row % 5 for number in range(8) for row in seen(made.step(number)[0])[:, 0, 0]} == {0}

    def test_a_step_is_a_function_of_seed_and_number(self):
        images = table(TEN_EACH)
        one, again, other = (batches(images, turns=True, seed=seed, identities=5, images=4) for seed in (1, 1, 2))
        late = one.step(7)
        for number in (7, 0, 7):
            one.step(number)
            again.step(number)
        for part, same in zip(late, again.step(7), strict=True):
            np.testing.assert_array_equal(part, same)
        assert not np.array_equal(late[0], one.step(8)[0])
        assert not np.array_equal(late[0], other.step(7)[0])

    @pytest.mark.parametrize("share", [0.25, 0.4, 1.0])
    def test_mined_pairs_arrive_in_their_share_and_in_turn(self, share):
        images = table([identity for identity in range(24) for _ in range(6)])
        both = [(one, other % 24) for one in range(24) for other in (one - 1, one - 7)]
        mined = np.array([[6 * one + one % 6, 6 * other + other % 5] for one, other in both])
        made = mined_batches(images, mined, share, identities=10, images=3)
        steps = round(3 * len(mined) / (share * 5))  # each comes three times
        arrived = []
        for number in range(steps):
            raw, labels = made.step(number)
            assert sorted(np.unique(labels, return_counts=True)[1]) == [3] * 10
            rows = seen(raw)[:, 0, 0]
            np.testing.assert_array_equal(images.identity[rows], labels)
            both = np.isin(mined, rows).all(axis=1)
            arrived.append(both)
            whole = share * 5
            assert both.sum() >= int(whole)
        times = np.sum(arrived, axis=0)
        assert times.min() >= 2
        assert len(mined) * 3 <= times.sum()

    def test_without_mined_pairs_or_without_a_share_the_batches_are_unchanged(self):
        images = table(TEN_EACH)
        plain = batches(images, identities=5, images=4, turns=True)
        mined = np.array([[0, 11], [25, 36]])
        for other in (
            mined_batches(images, mined, 0, identities=5, images=4, turns=True),
            mined_batches(images, mined[:0], 0.5, identities=5, images=4, turns=True),
        ):
            for number in range(8):
                for part, same in zip(plain.step(number), other.step(number), strict=True):
                    np.testing.assert_array_equal(part, same)

    def test_mined_pairs_are_seen_from_the_same_side(self):
        images = table(TEN_EACH)
        made = mined_batches(images, np.array([[3, 47]]), 0.5, identities=4, images=2, turns=True)
        for number in range(10):
            raw, labels = made.step(number)
            shown = {
                identity: (turn, {int(np.rot90(one, -turn)[0, 0]) for one in seen(raw[labels == identity * 4 + turn])})
                for identity, turn in (divmod(label, 4) for label in set(labels.tolist()))
            }
            assert shown[0][0] == shown[4][0]
            assert 3 in shown[0][1]
            assert 47 in shown[4][1]

    def test_an_identity_with_one_image_can_be_mined(self):
        images = table([0, 1, 1, 1, 1, 1, 1])
        raw, labels = mined_batches(images, np.array([[0, 5]]), 1.0, identities=2, images=4).step(0)
        rows = seen(raw)[:, 0, 0]
        assert set(rows[labels == 0]) == {0}
        assert 5 in rows[labels == 1]

    def test_the_batches_of_a_seed_are_these(self):
        """Whatever the machine and the release of numpy: a training may go on elsewhere."""
        images = table([identity for identity in range(9) for _ in range(1 + identity)], [0, 0, 0, 1, 1, 1, 2, 2, 2])
        made = batches(images, turns=True, seed=7, identities=4, images=3, groups=2)
        raw, labels = made.step(5)
        upright = [np.rot90(image, -turn) for image, turn in zip(seen(raw), labels % 4, strict=True)]
        assert [image[0, 0] for image in upright] == [0, 0, 0, 1, 2, 2, 40, 44, 43, 21, 24, 22]
        assert labels.tolist() == [3, 3, 3, 4, 4, 4, 35, 35, 35, 27, 27, 27]

    def test_large_groups_are_met_more_often_in_step_with_their_identities(self):
        groups = [0] * 6 + [1] * 3 + [2] * 1
        images = table([identity for identity in range(10) for _ in range(2)], groups)
        made = batches(images, identities=2, images=2, groups=1)
        met = [groups[made.step(number)[1][0]] for number in range(3000)]
        np.testing.assert_allclose(np.bincount(met) / 3000, [0.6, 0.3, 0.1], atol=0.04)

    def test_images_are_drawn_alike(self):
        made = batches(table(TEN_EACH), identities=12, images=4)
        met = np.concatenate([seen(made.step(number)[0])[:, 0, 0] for number in range(500)])
        np.testing.assert_allclose(np.bincount(met, minlength=120) / 500, 0.4, atol=0.1)

    def test_a_quarter_turn_is_another_identity(self):
        plain, turned = (batches(table(TEN_EACH), turns, identities=12, images=3) for turns in (False, True))
        turns_met = set()
        for number in range(4):
            (raw, labels), (turned_raw, turned_labels) = plain.step(number), turned.step(number)
            pixels = seen(turned_raw)
            turns = turned_labels % 4
            np.testing.assert_array_equal(turned_labels // 4, labels)
            upright = np.stack([np.rot90(image, -turn) for image, turn in zip(pixels, turns, strict=True)])
            np.testing.assert_array_equal(upright, seen(raw))
            assert all(len(set(turns[labels == label])) == 1 for label in set(labels))
            turns_met |= set(turns)
        assert turns_met == {0, 1, 2, 3}

    def test_a_mirror_image_is_another_identity_however_it_is_turned(self):
        images, settings = table(TEN_EACH), BatchSettings(identities=12, images=3)
        rows = np.arange(len(images.identity))
        plain = IdentityBatches(images, rows, settings, 0)
        both = IdentityBatches(images, rows, settings, 0, quarter_turns=True, mirrors=True)
        met = set()
        for number in range(8):
            (raw, labels), (other_raw, other_labels) = plain.step(number), both.step(number)
            views = other_labels % 8
            np.testing.assert_array_equal(other_labels // 8, labels)
            for image, original, view in zip(seen(other_raw), seen(raw), views.tolist(), strict=True):
                upright = np.rot90(image, -(view % 4))
                np.testing.assert_array_equal(upright[:, ::-1] if view >= 4 else upright, original)
            met |= set(views.tolist())
        assert met == set(range(8))


def pair_table(count: int) -> PairTable:
    rows = np.arange(count)
    return PairTable(rows, rows + 1, rows % 2)


class TestPairBatches:
    def epoch(self, made: PairBatches, epoch: int) -> list[tuple[int, int, int]]:
        found = []
        for position in range(made.steps_per_epoch):
            a, b, same = made.step(epoch * made.steps_per_epoch + position)
            found += zip(seen(a)[:, 0, 0].tolist(), seen(b)[:, 0, 0].tolist(), same.tolist(), strict=True)
        return found

    def test_an_epoch_holds_every_pair_once_with_its_label(self):
        made = PairBatches(table(list(range(25))), pair_table(24), BatchSettings(pairs=6), 0)
        first, second = self.epoch(made, 0), self.epoch(made, 1)
        assert sorted(first) == sorted(second) == [(row, row + 1, row % 2) for row in range(24)]
        assert first != second

    def test_the_rest_of_an_epoch_comes_in_another_one(self):
        made = PairBatches(table(list(range(26))), pair_table(25), BatchSettings(pairs=6), 0)
        epochs = [self.epoch(made, epoch) for epoch in range(20)]
        assert all(len(set(epoch)) == 24 for epoch in epochs)
        assert len(set().union(*epochs)) == 25

    def test_fewer_pairs_than_a_batch_are_one(self):
        made = PairBatches(table(list(range(6))), pair_table(5), BatchSettings(pairs=64), 0)
        assert made.steps_per_epoch == 1
        assert len(made.step(0)[2]) == 5

    def test_a_step_is_a_function_of_seed_and_number(self):
        one, again, other = (
            PairBatches(table(list(range(25))), pair_table(24), BatchSettings(pairs=6), seed) for seed in (1, 1, 2)
        )
        one.step(0)
        for part, same in zip(one.step(5), again.step(5), strict=True):
            np.testing.assert_array_equal(part, same)
        assert self.epoch(one, 0) != self.epoch(other, 0)


@pytest.mark.parametrize("form", ["identities", "pairs"])
def test_the_dataset_gives_the_steps_in_order(form):
    images = table(TEN_EACH)
    made = (
        batches(images, identities=5, images=4)
        if form == "identities"
        else PairBatches(images, pair_table(100), BatchSettings(pairs=10), 0)
    )

    def normalise(raw):
        return tf.reshape(tf.cast(tf.io.decode_raw(raw, tf.uint8, fixed_length=9), tf.float32), [-1, 3, 3, 1]) / 255

    for number, (x, y) in enumerate(batch_dataset(made, range(5), normalise)):
        *raw, labels = made.step(number)
        sides = [x] if form == "identities" else x
        assert len(sides) == len(raw)
        for side, expected in zip(sides, raw, strict=True):
            np.testing.assert_allclose(side.numpy()[..., 0] * 255, seen(expected), atol=1e-4)
        np.testing.assert_array_equal(y, labels)
    assert number == 4


class TestParts:
    """What several replicas take of one batch."""

    def test_parts_are_of_whole_identities_and_together_the_batchs_own(self):
        made = batches(table(TEN_EACH), identities=6, images=4)
        assert made.most_parts == 3
        for number in range(3):
            _, whole = made.step(number)
            parts = [made.step(number, part, 3)[1] for part in range(3)]
            assert [len(np.unique(labels)) for labels in parts] == [2, 2, 2]
            assert [len(labels) for labels in parts] == [8, 8, 8]
            np.testing.assert_array_equal(np.concatenate(parts), whole)

    def test_forgeries_are_with_whom_they_imitate(self):
        who = [identity for identity in range(6) for _ in range(4)]
        images = table([*who, *range(6, 12)], imitates=[-1] * 24 + list(range(6)))
        made = batches(images, identities=6, images=2, forgeries=1)
        for part in range(3):
            raw, labels = made.step(0, part, 3)
            rows = seen(raw)[:, 0, 0]
            genuine, forged = set(labels[labels != FORGED]), rows[labels == FORGED]
            assert {int(images.imitates[row]) for row in forged} == genuine

    def test_pairs_are_cut_in_order(self):
        same = np.array([1, 0] * 10)
        made = PairBatches(
            table(TEN_EACH), PairTable(np.arange(20), np.arange(20) + 20, same), BatchSettings(pairs=8), 0
        )
        whole = made.step(1)
        cut = [made.step(1, part, 2) for part in range(2)]
        for n in range(3):
            np.testing.assert_array_equal(np.concatenate([one[n] for one in cut]), whole[n])

    def test_the_dataset_of_a_host_has_its_replicas_parts_step_by_step(self):
        made = batches(table(TEN_EACH), identities=8, images=2)
        found = batch_dataset(made, range(3, 5), lambda raw: raw, Share(first=2, here=2, parts=4))
        labels = [part.tolist() for _, part in found.as_numpy_iterator()]
        assert labels == [made.step(step, part, 4)[1].tolist() for step in (3, 4) for part in (2, 3)]
