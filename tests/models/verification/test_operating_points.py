import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

from models.errors import UserError
from models.settings import CalibrationSettings
from models.verification.calibration import OperatingPoints, check_measurable

SAME = np.array([True, True, False, True, False, True, False, False])
DISTANCE = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8])


def wanted(objective: str, value: float | None = None, prior: float | None = None) -> CalibrationSettings:
    return CalibrationSettings(objective=objective, value=value, prior=prior)


def threshold(objective: CalibrationSettings, same=SAME, distance=DISTANCE) -> float:
    points = OperatingPoints.of(np.array(same, bool), np.array(distance, float))
    return float(points.cuts[points.best(objective)])


def pairs():
    rows = st.lists(st.tuples(st.booleans(), st.integers(0, 12)), min_size=4, max_size=40)
    return rows.filter(lambda rows: len({same for same, _ in rows}) == 2 and len({d for _, d in rows}) > 1)


def unzip(rows):
    same, distance = zip(*rows, strict=True)
    return np.array(same), np.array(distance, float) / 4


def every_cut(distance):
    values = np.unique(distance)
    return (values[:-1] + values[1:]) / 2


@pytest.mark.parametrize(
    ("objective", "expected"),
    [
        (wanted("best_accuracy"), 0.45),  # 0.25, 0.45 and 0.65 classify 6 of 8 correctly: the middle one
        (wanted("best_f1"), 0.65),  # 8 of 10; 0.25 has 4 of 6, 0.45 has 6 of 8
        (wanted("target_precision", 0.75), 0.45),  # 3 of 4; at 0.65 it is 4 of 6
        (wanted("target_precision", 0.76), 0.25),
        (wanted("target_precision", 0.6), 0.65),
        (wanted("target_far", 0.25), 0.45),  # one of four impostors, the strictest of recall 3 / 4
        (wanted("target_far", 0.24), 0.25),
        (wanted("target_far", 0.5), 0.65),
        # At 0.45 TPR 3/4, FPR 1/4: with 1 in 4 genuine the precision is (3/16) / (3/16 + 3/16).
        (wanted("target_precision", 0.5, 0.25), 0.45),
        (wanted("target_precision", 0.51, 0.25), 0.25),
    ],
    ids=str,
)
def test_the_threshold_is_the_one_computed_by_hand(objective, expected):
    assert threshold(objective) == pytest.approx(expected)


def test_figures_are_those_computed_by_hand():
    points = OperatingPoints.of(SAME, DISTANCE)
    assert points.figures(points.best(wanted("target_far", 0.25)), prior=0.25) == {
        "accuracy": 0.75,
        "precision": 0.75,
        "recall": 0.75,
        "f1": 0.75,
        "far": 0.25,
        "precision_at_prior": 0.5,
        "genuine_pairs": 4,
        "impostor_pairs": 4,
    }


@given(pairs())
def test_the_metrics_of_each_cut_agree_with_scikit_learn(rows):
    same, distance = unzip(rows)
    points = OperatingPoints.of(same, distance)
    np.testing.assert_allclose(points.cuts, every_cut(distance))
    for index, cut in enumerate(points.cuts):
        called, found = distance < cut, points.figures(index)
        assert found["accuracy"] == pytest.approx(accuracy_score(same, called))
        assert found["precision"] == pytest.approx(precision_score(same, called))
        assert found["recall"] == pytest.approx(recall_score(same, called))
        assert found["f1"] == pytest.approx(f1_score(same, called))
        assert found["far"] == pytest.approx(called[~same].mean())


@given(pairs())
def test_no_cut_has_a_higher_f1(rows):
    same, distance = unzip(rows)
    reached = f1_score(same, distance < threshold(wanted("best_f1"), same, distance))
    assert reached == pytest.approx(max(f1_score(same, distance < cut) for cut in every_cut(distance)))


@given(pairs(), st.sampled_from(["target_precision", "target_far"]), st.floats(0.01, 0.99))
def test_a_target_is_met_by_the_cut_of_the_highest_recall_or_by_none(rows, objective, value):
    same, distance = unzip(rows)

    def meets(cut):
        called = distance < cut
        if not (called & same).any():
            return False
        return same[called].mean() >= value if objective == "target_precision" else called[~same].mean() <= value

    met = [cut for cut in every_cut(distance) if meets(cut)]
    if not met:
        with pytest.raises(ValueError, match=r"is out of reach|no threshold accepts one"):
            threshold(wanted(objective, value), same, distance)
        return
    chosen = threshold(wanted(objective, value), same, distance)
    assert meets(chosen)
    recall = {cut: (distance < cut)[same].mean() for cut in met}
    best = max(recall.values())
    assert recall[chosen] == best
    assert chosen == min(cut for cut in met if recall[cut] == best)


@given(pairs(), st.tuples(st.floats(0.01, 0.99), st.floats(0.01, 0.99)))
def test_a_stricter_target_never_accepts_more_genuine_pairs(rows, values):
    same, distance = unzip(rows)
    for objective, (strict, loose) in (("target_far", sorted(values)), ("target_precision", sorted(values)[::-1])):
        try:
            first = threshold(wanted(objective, strict), same, distance)
        except ValueError:
            continue
        assert first <= threshold(wanted(objective, loose), same, distance)


def test_equal_distances_are_never_parted():
    assert threshold(wanted("target_far", 0.4), [1, 1, 0, 0, 1, 0], [0.1, 0.2, 0.2, 0.6, 0.8, 0.8]) == pytest.approx(
        0.4
    )
    assert threshold(wanted("target_far", 0.3), [1, 1, 0, 0, 1, 0], [0.1, 0.2, 0.2, 0.6, 0.8, 0.8]) == pytest.approx(
        0.15
    )


@pytest.mark.parametrize(
    ("objective", "closest"),
    [
        (wanted("target_precision", 0.8), "0.666667"),
        (wanted("target_far", 0.3), "0.5"),
    ],
    ids=str,
)
def test_the_error_of_a_target_out_of_reach_has_the_closest_value(objective, closest):
    with pytest.raises(ValueError, match=f"calibration: {objective} is out of reach .* reaches {closest};"):
        threshold(objective, [0, 1, 1, 0], [0.1, 0.2, 0.3, 0.4])


def test_pairs_whose_genuine_ones_are_all_farthest_have_no_threshold():
    with pytest.raises(ValueError, match="no threshold accepts one"):
        threshold(wanted("target_far", 0.5), [0, 0, 1], [0.1, 0.2, 0.3])


@pytest.mark.parametrize(
    ("objective", "nearest"),
    [
        (wanted("target_far", 0.001), "0.01"),
        (wanted("target_precision", 0.995), "0.990099"),
        (wanted("target_precision", 0.95, 0.01), "0.502513"),  # 0.01 in (0.01 + a hundredth of 0.99)
    ],
    ids=str,
)
def test_a_target_too_fine_for_the_pairs_is_the_users_error(objective, nearest):
    with pytest.raises(UserError, match=rf"100 impostor pairs .* one false accept makes it {nearest};") as error:
        check_measurable(objective, np.repeat([1, 0], 100))
    assert error.value.code == "model-threshold-target"


@pytest.mark.parametrize(
    "objective",
    [
        wanted("best_accuracy"),
        wanted("target_far", 0.01),
        wanted("target_precision", 0.99),
        wanted("target_precision", 0.5, 0.01),
    ],
    ids=str,
)
def test_a_measurable_target_is_accepted(objective):
    check_measurable(objective, np.repeat([1, 0], 100))
