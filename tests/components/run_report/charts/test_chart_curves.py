"""The numbers of the charts, and their tables."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.pair_scores.table import ScoredPairs
from components.run_report.charts import tables
from components.run_report.charts.curves import at_threshold, at_thresholds, rates, reliability, score_shares
from models.verification.metrics import metric_value


def scored(same, score, baseline=None) -> ScoredPairs:
    names = np.array([f"{n}.png" for n in range(len(same))], object)
    scores = [None if one is None else np.array(one, float) for one in (score, baseline)]
    return ScoredPairs(
        same=np.array(same, bool),
        score=scores[0],
        distance=1 - scores[0],
        baseline_score=scores[1],
        baseline_distance=None if scores[1] is None else 1 - scores[1],
        pixel_distance=np.zeros(len(same)),
        identities=(names, names),
        images=(names, names),
        slices={},
    )


PAIRS = st.lists(st.tuples(st.booleans(), st.floats(0, 1, width=16)), min_size=2, max_size=60).filter(
    lambda pairs: len({same for same, _ in pairs}) == 2
)


def test_the_curve_passes_through_what_can_be_counted():
    same, score = np.array([1, 1, 0, 1, 0, 0], bool), np.array([0.9, 0.8, 0.7, 0.6, 0.6, 0.1])
    far, tar = rates(same, 1 - score)
    np.testing.assert_allclose(far, [0, 0, 1 / 3, 2 / 3, 1])  # equal distances are one step
    np.testing.assert_allclose(tar, [1 / 3, 2 / 3, 2 / 3, 1, 1])
    far, tar = rates(np.arange(10**5) % 2 == 0, np.random.default_rng(0).random(10**5))
    assert len(far) == 2000
    assert (far[-1], tar[-1]) == (1, 1)


@given(PAIRS)
def test_the_operating_point_lies_on_the_curve(pairs):
    same, score = (np.array(column) for column in zip(*pairs, strict=True))
    found = at_thresholds(same, score, np.array([0.5]))
    assert (found.far[0], found.recall[0]) == at_threshold(same, score)
    called = score > 0.5
    if called.any():
        assert found.precision[0] == pytest.approx(same[called].mean())
        far, tar = rates(same, 1 - score)
        assert any(np.allclose(point, (found.far[0], found.recall[0])) for point in zip(far, tar, strict=True))
    else:
        assert np.isnan(found.precision[0])


@given(PAIRS)
def test_every_pair_is_in_one_bin(pairs):
    same, score = (np.array(column) for column in zip(*pairs, strict=True))
    assert all(share.sum() == pytest.approx(1) for share in score_shares(same, score, 10))
    bins = reliability(scored(same, score))
    assert sum(one.pairs for one in bins) == len(same)
    assert sum(one.pairs * one.genuine for one in bins) == pytest.approx(same.sum())
    assert [one.score for one in bins] == sorted(one.score for one in bins)


def test_the_table_of_accept_rates_has_the_values_of_the_metrics_for_both_models():
    random = np.random.default_rng(0)
    same = np.arange(2000) % 2 == 0
    score, baseline = (np.clip(0.5 + (same - 0.5) * gain + random.normal(0, 0.2, 2000), 0, 1) for gain in (0.6, 0.2))
    pairs = scored(same, score, baseline)
    table = tables.at_false_accepts(pairs, ("B", "A"))
    assert table.columns == ("false accept rate, at most", "B: true accept rate", "A: true accept rate")
    row = {one[0]: one[1:] for one in table.rows}["1%"]
    tars = [metric_value("tar_at_far_0.01", same, 1 - one) for one in (score, baseline)]
    assert row == tuple(f"{100 * tar:.2f}%" for tar in tars)
    missed = {one[0]: one[1:] for one in tables.at_false_accepts(pairs, ("B", "A"), missed=True).rows}["1%"]
    assert [float(a[:-1]) + float(b[:-1]) for a, b in zip(row, missed, strict=True)] == pytest.approx([100, 100])
    assert len(tables.at_false_accepts(scored(same, score), ("new", "old")).columns) == 2


def test_tables_of_scores_name_the_models_where_there_are_two():
    pairs = scored([1, 1, 0, 0], [0.95, 0.45, 0.05, 0.06], [0.5] * 4)
    one, two = tables.scores_of(pairs), tables.scores_of(pairs, ("B", "A"))
    assert one.columns == ("score", "genuine pairs", "impostor pairs")
    assert two.columns[1:] == ("B: genuine pairs", "B: impostor pairs", "A: genuine pairs", "A: impostor pairs")
    assert one.rows[0] == ("0 to 0.1", "0.00%", "100.00%")
    assert one.rows[4] == ("0.4 to 0.5", "50.00%", "0.00%")
    assert two.rows[5] == ("0.5 to 0.6", "0.00%", "0.00%", "100.00%", "100.00%")


def test_a_share_of_nothing_is_none():
    assert tables.over_threshold(scored([1, 0], [0.3, 0.2])).rows[4] == ("0.5", "none", "0.00%", "0.00%")


def test_a_long_training_is_thinned_out_and_keeps_its_last_epoch():
    curves = {"loss": [(n, 1 / n) for n in range(1, 301)], "auc": [(n, 0.5) for n in range(2, 301)]}
    table = tables.epochs(curves)
    assert table.columns == ("epoch", "loss", "auc")
    assert len(table.rows) == 50
    assert table.rows[0] == ("1", "1.0000", "")
    assert table.rows[-1] == ("300", "0.0033", "0.5000")


def test_memory_that_was_not_measured_is_left_out():
    table = tables.durations({"Trainer": 3.21, "Pusher": 0.1}, {"Trainer": 1234.5})
    assert table.rows == [("Trainer", "3.2", "1,234"), ("Pusher", "0.1", "")]
