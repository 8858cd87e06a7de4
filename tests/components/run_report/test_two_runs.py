"""The comparison of two runs: the sentences, the metrics, the pairs."""

import re
from dataclasses import replace
from functools import reduce

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.pair_scores.table import ScoredPairs
from components.run_outcome.summary import RunSummary
from components.run_outcome.verdict import GateResult
from components.run_report.comparison_page import render_comparison
from components.run_report.content import Content
from components.run_report.differences import (
    changed_pairs,
    common_pairs,
    differences,
    paired_metrics,
    sentences,
    slice_changes,
)
from models.verification.metrics import Interval, MeasuredIntervals


def summary(run_id: str = "b", **fields) -> RunSummary:
    basics = {"run_id": run_id, "status": "pushed", "exit_code": 0, "seed": 0, "config_digest": ""}
    return RunSummary.model_validate({**basics, "config": {"name": "faces"}, **fields})


def scored(same, score, first: int = 0) -> ScoredPairs:
    """Pairs numbered from ``first``."""
    numbers = range(first, first + len(same))
    a, b = (np.array([f"{number}{which}.png" for number in numbers], object) for which in "ab")
    who = np.array([f"p{number}" for number in numbers], object)
    other = np.array([f"q{number}" for number in numbers], object)
    values = np.array(score, float)
    return ScoredPairs(
        same=np.array(same, bool),
        score=values,
        distance=1 - values,
        baseline_score=None,
        baseline_distance=None,
        pixel_distance=np.zeros(len(same)),
        identities=(who, np.where(np.array(same, bool), who, other)),
        images=(a, b),
        slices={},
    )


def test_only_pairs_that_both_scored_are_compared_and_each_with_itself():
    a, b = scored([1, 0, 1, 0], [0.1, 0.2, 0.3, 0.4]), scored([1, 0, 1], [0.7, 0.8, 0.9], first=2)
    both = common_pairs(a, b, 2)
    assert both.images[0].tolist() == ["2a.png", "3a.png"]
    assert (both.score.tolist(), both.baseline_score.tolist()) == ([0.7, 0.8], [0.3, 0.4])
    assert common_pairs(a, b, 3) is None
    assert common_pairs(a, b) is None  # two pairs are too few
    assert common_pairs(a, scored([1], [0.5], first=9), 0) is None
    relabelled = replace(a, same=~a.same)
    assert common_pairs(a, relabelled, 0) is None


def a_set(quality: float, count: int = 400, seed: int = 0) -> ScoredPairs:
    random = np.random.default_rng(seed)
    same = np.arange(count) % 2 == 0
    return scored(same, np.clip(0.5 + (same - 0.5) * quality + random.normal(0, 0.2, count), 0, 1))


def test_the_gain_is_measured_and_its_sign_is_bs():
    better, worse = a_set(0.6), a_set(0.2, seed=1)
    gain = paired_metrics(common_pairs(worse, better), {}, 0).gain["accuracy"]
    assert 0 < gain.low < gain.value < gain.high
    assert gain.value == pytest.approx(
        ((better.score > 0.5) == better.same).mean() - ((worse.score > 0.5) == worse.same).mean()
    )
    back = paired_metrics(common_pairs(better, worse), {}, 0).gain["accuracy"]
    assert back.value == pytest.approx(-gain.value)
    broken = replace(worse, score=np.full(400, np.nan))
    assert paired_metrics(common_pairs(broken, better), {}, 0) is None


@pytest.mark.parametrize(
    ("value", "low", "high", "sentence"),
    [
        (0.02, 0.01, 0.03, "B is better: B's accuracy is 2.00 points above A's (95%: +1.00 to +3.00)."),
        (-0.02, -0.03, -0.01, "A is better: B's accuracy is 2.00 points below A's (95%: -3.00 to -1.00)."),
        (
            0.01,
            -0.01,
            0.03,
            "No significant difference: B's accuracy is 1.00 points above A's (95%: -1.00 to +3.00).",
        ),
        (0.01, None, None, "B's accuracy is 1.00 points above A's; its confidence interval is unknown."),
        (None, None, None, "Not comparable: some scores are not finite."),
    ],
)
def test_the_first_sentence_names_the_better_run_and_the_interval(value, low, high, sentence):
    gain = {"accuracy": Interval(value=value, low=low, high=high)}
    found = MeasuredIntervals(pairs=9, units=9, drawn="identities", resamples=9, candidate={}, gain=gain)
    assert next(sentences(summary("a"), summary(), (9, 9), 9, found)) == sentence


def test_a_failed_run_has_its_error_and_a_run_is_not_compared_with_itself():
    lines = list(sentences(summary("a", status="failed", error="/x: no images"), summary(), (0, 9), 0, None))
    assert lines == [
        "Not comparable: A scored no test pair.",
        "A failed: /x: no images",
    ]
    assert list(sentences(summary(), summary(), (9, 9), 9, None)) == ["A and B are the same run."]


def test_the_sentences_give_the_basis_of_the_comparison():
    assert list(sentences(summary("a"), summary(), (900, 80), 50, None)) == [
        "Not comparable: some scores are not finite.",
        "50 test pairs were scored by both, of A's 900 and B's 80.",
    ]
    differ, why = sentences(summary("a"), summary(), (9, 8), 0, None)
    assert differ == "Not comparable: the test pairs differ."
    assert why.startswith("A scored 9 test pairs, B 8, with too few in common: the data, the split or the seed")
    assert list(sentences(summary("a"), summary(), (0, 0), 0, None)) == ["Not comparable: A and B scored no test pair."]


def test_runs_that_were_tested_on_other_pairs_are_measured_each_on_its_own():
    metrics = {"accuracy": {"value": 0.9123, "low": 0.88, "high": 0.94}}
    first = summary("a", metrics=metrics, peak_memory_mb={"Trainer": 1234.0}, timings={"Trainer": 2.0})
    a = Content(first, scores=a_set(0.2))
    whole = a_set(0.6)
    other, half = (
        replace(whole, images=(whole.images[0] + name * np.array(moved, object), whole.images[1]))
        for name, moved in (("x", [1] * 400), ("x", [0, 0, 1, 1] * 100))
    )
    page = render_comparison(a, Content(summary(), scores=other))
    assert "<h1>Not comparable" in page
    assert "Metrics on the same test pairs" not in page
    row = re.search(
        r"<h2>Metrics of each run on its own test pairs</h2>.*?<tr><th scope=.row.>accuracy</th>(.*?)</tr>",
        page,
        re.DOTALL,
    )
    assert re.findall(r"<td[^>]*>([^<]*)", row[1]) == ["0.9123", "0.880 to 0.940", "", ""]
    assert ">1,234</td>" in page
    page = render_comparison(a, Content(summary(), scores=half))
    assert "Metrics on the same test pairs" in page
    assert "200 test pairs were scored by both, of A&#39;s 400 and B&#39;s 400." in page
    assert "Metrics of each run on its own test pairs" in page
    assert "Metrics of each run on its own test pairs" not in render_comparison(a, Content(summary(), scores=whole))


CONFIGS = st.recursive(
    st.integers() | st.none(), lambda inner: st.dictionaries(st.sampled_from("abcd"), inner, max_size=3), max_leaves=8
)


@given(st.dictionaries(st.sampled_from("abcd"), CONFIGS), st.dictionaries(st.sampled_from("abcd"), CONFIGS))
def test_every_difference_of_two_configurations_is_listed_once(a, b):
    found = list(differences(a, b))
    assert len({key for key, _, _ in found}) == len(found)
    assert all(one != other for _, one, other in found)
    assert not list(differences(a, a))
    for key, one, other in found:
        for config, value in ((a, one), (b, other)):
            assert reduce(lambda within, part: (within or {}).get(part), key.split("."), config) == value


def test_slices_come_with_the_greatest_loss_first():
    same = np.ones(60, bool)
    group = np.array(["greek"] * 25 + ["latin"] * 25 + ["few"] * 5 + [""] * 5, object)
    a = replace(scored(same, np.where(group == "greek", 0.9, 0.1)), slices={"group": group})
    b = replace(scored(same, np.where(group == "latin", 0.9, 0.1)), slices={"group": group})
    assert [(*one, one.gain) for one in slice_changes(common_pairs(a, b))] == [
        ("group: greek", 25, 1.0, 0.0, -1.0),
        ("group: latin", 25, 0.0, 1.0, 1.0),
    ]


def test_changed_pairs_are_listed_by_which_run_is_correct():
    a, b = scored([1, 1, 0, 0], [0.9, 0.1, 0.4, 0.1]), scored([1, 1, 0, 0], [0.2, 0.8, 0.9, 0.2])
    assert {heading: rows.tolist() for heading, rows in changed_pairs(common_pairs(a, b, 1)).items()} == {
        "Correct in A, misclassified in B: genuine pairs, 1": [0],
        "Correct in A, misclassified in B: impostor pairs, 1": [2],
        "Correct in B, misclassified in A: genuine pairs, 1": [1],
    }


def test_the_page_has_both_runs_and_loads_nothing():
    gate = GateResult(name="floors", passed=False, reason="<accuracy> 0.6")
    a = Content(summary("a", gates=[gate], timings={"Trainer": 2.0}), scores=a_set(0.2))
    b = Content(summary(config={"name": "faces", "loss": {"margin": "<b>"}}), scores=a_set(0.6, seed=1))
    page = render_comparison(a, b)
    text = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert "<h1>B is better: B&#39;s accuracy is" in text
    assert re.search(r"<th scope=.row.>loss.margin</th><td>not set</td><td>&lt;b&gt;", text)
    assert "&lt;accuracy&gt; 0.6" in text
    assert page.count('class="plotly-graph-div"') == 3
    assert not re.search(r"""(?:src|href)=["'](?!data:|#)""", text), "the page loads something"
    failed = Content(summary("c", status="failed", error="no images"))
    assert "C" not in render_comparison(failed, b).partition("<h1>")[2].partition("</h1>")[0]
    assert "A failed: no images" in render_comparison(failed, b)
