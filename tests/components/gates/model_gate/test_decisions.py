"""Planted models against scored pairs: what is wrong is refused, and what is right is not."""

from dataclasses import replace

import numpy as np
import pytest
from scored_pairs import against, distances, made, scored, with_scores, worse

from components.gates.model_gate.decisions import collapse, finite, gate_decisions, polarity
from components.gates.model_gate.settings import GateSettings, MeasureSettings, SliceGate
from models.verification.calibration import Calibration, calibrate

GATES = GateSettings(resamples=300)
PAIRS = made(identities=60, pairs=20)
ABSENCE = "nothing serves yet to compare with"
RNG = np.random.default_rng(0)
SAME = np.repeat([True, False], 200)
DISTANCE = np.where(SAME, 0.4, 0.9) + RNG.normal(0, 0.15, 400)
SCORE = Calibration(0.65, 8.0).score(DISTANCE)


def decided(pairs, gates=GATES, by="identity"):
    return gate_decisions(pairs, gates, MeasureSettings(), by, seed=0, absence=ABSENCE)


def refused(pairs, gates=GATES, by="identity"):
    return {gate.name: gate.reason for gate in decided(pairs, gates, by).gates if not gate.passed}


def test_a_first_good_model_passes_every_gate():
    gates = decided(PAIRS).gates
    assert [gate.name for gate in gates] == [
        *("pairs", "finite", "collapse", "polarity", "pixels", "baseline", "slices by kind"),
    ]
    assert all(gate.passed for gate in gates)
    assert gates[0].reason == "2,400 test pairs"
    assert gates[5].reason == ABSENCE


def test_an_untrained_model_is_no_better_than_pixels():
    noise = np.random.default_rng(3).normal(0, 0.02, len(PAIRS.same))
    untrained = with_scores(PAIRS, PAIRS.pixel_distance + noise)
    assert set(refused(untrained)) == {"pixels"}
    assert refused(untrained, GATES.model_copy(update={"beats_pixels": False})) == {}


def test_shuffled_labels_and_flipped_scores_are_refused():
    rng = np.random.default_rng(4)
    shuffled = distances(rng.permutation(PAIRS.same), 3.5, rng)
    assert "pixels" in refused(with_scores(PAIRS, shuffled))
    flipped = refused(with_scores(PAIRS, 1.5 - PAIRS.distance))
    assert {"polarity", "pixels"} <= set(flipped)
    assert "polarity" in refused(with_scores(PAIRS, PAIRS.distance, 1 - PAIRS.score))


def test_a_collapsed_model_and_one_of_nan_are_refused_and_not_a_crash():
    assert "collapse" in refused(with_scores(PAIRS, np.full(len(PAIRS.same), 0.3)))
    broken = decided(with_scores(PAIRS, np.where(PAIRS.same, np.nan, PAIRS.distance)))
    assert [gate.name for gate in broken.gates if not gate.passed] == ["finite"]
    assert broken.intervals is None, "nothing is measured on what is no number"


@pytest.mark.parametrize(
    ("errors", "passes"),
    [(0.0, True), (0.3, False)],  # the same; clearly worse
)
def test_against_what_serves(errors, passes):
    gates = GATES.model_copy(update={"max_drop": {"accuracy": 0.02, "eer": 0.05}})
    found = refused(with_scores(against(PAIRS, PAIRS.distance), worse(PAIRS, errors)), gates)
    assert ("baseline accuracy" not in found) == passes
    assert ("baseline eer" not in found) == passes


def test_a_better_model_is_blessed_and_a_slightly_worse_one_that_the_test_resolves_is_not():
    gates = GATES.model_copy(update={"max_drop": {"accuracy": 0.02}})
    slightly = worse(PAIRS, 0.035)  # 0.032 lost
    assert refused(against(PAIRS, slightly), gates) == {}
    found = refused(with_scores(against(PAIRS, PAIRS.distance), slightly), gates)
    assert "may be -0.0" in found["baseline accuracy"]
    hardly = with_scores(against(PAIRS, PAIRS.distance), worse(PAIRS, 0.004))
    assert refused(hardly, gates) == {}


def test_a_served_model_that_answers_nan_does_not_stay_for_ever():
    nothing = np.full(len(PAIRS.same), np.nan)
    result = decided(against(PAIRS, nothing, nothing))
    assert all(gate.passed for gate in result.gates)
    assert result.intervals.baseline["accuracy"].value is None


def test_too_few_pairs_are_not_evaluated():
    few = PAIRS.take(np.arange(len(PAIRS.same)) < 19)
    [gate] = decided(few).gates
    assert (gate.name, gate.passed) == ("pairs", False)
    assert gate.reason == "19 test pairs; at least 20 are needed"
    [none] = decided(PAIRS.take(np.zeros(len(PAIRS.same), bool))).gates
    assert not none.passed


def test_pairs_of_one_kind_are_refused_and_not_a_crash():
    found = refused(PAIRS.take(PAIRS.same))
    assert "all test pairs are genuine" in found["polarity"]


def test_few_identities_are_reported_and_the_measured_change_decides():
    few = made(identities=5, pairs=40)
    result = {gate.name: gate for gate in decided(against(few, few.distance + 1e-6), GATES).gates}
    assert "by the measured AUC of 5 test identities" in result["pixels"].reason
    lost = {gate.name: gate for gate in decided(with_scores(against(few, few.distance), worse(few, 0.1))).gates}
    assert not lost["baseline accuracy"].passed
    assert "5 test identities cannot resolve a loss of 0.01" in lost["baseline accuracy"].reason
    untrained = with_scores(few, few.pixel_distance)
    assert "pixels" in refused(untrained), "equal to pixels is not better, however few there are"


def test_in_a_closed_set_images_are_drawn():
    ten = made(identities=5, pairs=60)
    by_image, by_identity = decided(ten, by="image").intervals, decided(ten).intervals
    assert (by_image.drawn, by_identity.drawn) == ("images", "identities")
    assert by_identity.units == 5
    assert by_image.units == len(set(ten.images[0]) | set(ten.images[1])) > 100


def test_intervals_hold_the_value_and_stay_in_range():
    found = decided(against(PAIRS, worse(PAIRS, 0.1))).intervals
    assert set(found.candidate) == set(found.baseline) == set(found.gain) == set(MeasureSettings().names)
    assert (found.pairs, found.units, found.resamples) == (2400, 60, 300)
    for measures, least in ((found.candidate, 0), (found.baseline, 0), (found.gain, -1)):
        for name, one in measures.items():
            assert least <= one.low <= one.value <= one.high <= 1, name
    assert found.candidate["accuracy"].value == pytest.approx(
        float(((PAIRS.score > 0.5) == PAIRS.same).mean()), abs=1e-12
    )
    for name in ("accuracy", "eer", "auc"):
        assert found.gain[name].low > 0, "positive is better, also for an error rate"
    perfect = decided(with_scores(PAIRS, np.where(PAIRS.same, 0.1, 0.9))).intervals
    assert (perfect.candidate["auc"].low, perfect.candidate["auc"].high) == (1, 1)


def test_the_same_seed_gives_the_same_verdict_to_the_digit():
    assert decided(PAIRS) == decided(PAIRS)


def test_slices_are_evaluated_with_the_rest():
    hidden = worse(PAIRS, 0.5, where=PAIRS.identities[0] == "7")
    pairs = replace(PAIRS, slices=PAIRS.slices | {"group": np.where(PAIRS.identities[0] == "7", "seven", "rest")})
    gates = GATES.model_copy(update={"slices": (SliceGate(by="group", floors={"accuracy": 0.8}, min_pairs=30),)})
    found = refused(replace(pairs, distance=hidden, score=scored(hidden)), gates)
    assert set(found) == {"slices by group"} and found["slices by group"].startswith("seven: accuracy")


def spoiled(values, bad):
    values = values.copy()
    values[[7, 9]] = bad
    return values


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_score_or_distance_that_is_no_number_is_refused(bad):
    for score, distance in ((spoiled(SCORE, bad), DISTANCE), (SCORE, spoiled(DISTANCE, bad))):
        result = finite(score, distance)
        assert not result.passed
        assert "2 of 400 test pairs" in result.reason
    assert finite(SCORE, DISTANCE).passed


@pytest.mark.parametrize("bad", [-0.1, 1.2])
def test_a_score_outside_0_to_1_is_refused(bad):
    result = finite(spoiled(SCORE, bad), DISTANCE)
    assert not result.passed
    assert f"2 scores are outside 0 to 1, e.g. {bad:.4f}" in result.reason


def test_polarity():
    assert polarity(SAME, SCORE, DISTANCE).passed
    flipped = polarity(~SAME, SCORE, DISTANCE)
    assert not flipped.passed and "genuine pairs do not score higher than impostors (AUC 0.0" in flipped.reason
    turned = polarity(SAME, 1 - SCORE, DISTANCE)
    assert not turned.passed and turned.reason == "the score does not fall as the distance grows"
    chance = polarity(np.tile([True, False], 200), np.repeat(SCORE[:200], 2), np.repeat(DISTANCE[:200], 2))
    assert not chance.passed and "AUC 0.5000" in chance.reason


def test_scores_that_saturate_as_float32_keep_their_polarity():
    steep = Calibration(0.65, 500.0).score(DISTANCE).astype(np.float32).astype(np.float64)
    assert len(np.unique(steep)) < len(steep)
    assert polarity(SAME, steep, DISTANCE).passed


@pytest.mark.parametrize(("same", "kind"), [(np.ones(5, bool), "genuine"), (np.zeros(5, bool), "impostors")])
def test_pairs_of_one_kind_show_no_polarity(same, kind):
    result = polarity(same, SCORE[:5], DISTANCE[:5])
    assert not result.passed
    assert f"all test pairs are {kind}" in result.reason


@pytest.mark.parametrize("scale", [1e-5, 1e-2, 1.0, 1e3])
def test_an_encoder_of_any_scale_has_not_collapsed(scale):
    distance = DISTANCE * scale
    assert collapse(calibrate(SAME, distance).score(distance), distance).passed


@pytest.mark.parametrize("level", [1e-6, 1.0, 300.0])
def test_a_collapsed_encoder_is_refused(level):
    noise = level * (1 + 1e-6 * RNG.normal(size=400))  # as float32 rounds
    for distance in (np.full(400, level), noise):
        result = collapse(SCORE, distance)
        assert not result.passed
        assert result.reason.startswith("the distances of 98 in 100 test pairs lie between")


def test_a_few_odd_pairs_do_not_hide_a_collapse():
    assert not collapse(SCORE, np.where(np.arange(400) < 3, 2.0, 1.0)).passed


def test_scores_that_are_all_the_same_are_a_collapse_too():
    result = collapse(np.full(400, 0.5), DISTANCE)
    assert not result.passed
    assert "the scores of 98 in 100" in result.reason


def test_a_perfect_verifier_has_not_collapsed():
    perfect = np.where(SAME, 0.0, 1.4)
    assert collapse(SAME.astype(float), perfect).passed
    assert polarity(SAME, SAME.astype(float), perfect).passed
