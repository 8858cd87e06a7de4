"""The report page: its content, its charts, and that it loads nothing from elsewhere."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from components.pair_scores.table import ScoredPairs
from components.run_outcome.explanation import explanations
from components.run_outcome.summary import Metric, RunSummary
from components.run_outcome.verdict import GateResult
from components.run_report.content import Content
from components.run_report.page import render
from components.run_report.pictures import EACH, pictures, select_pairs
from components.storage.example_encoding import encode_example
from components.storage.tfrecords import create_records, write_record
from models.data import features

PASSED = GateResult(name="floors", passed=True, reason="every floor is reached")
REFUSED = GateResult(name="baseline", passed=False, reason="accuracy is 0.02 <worse> than the served model's")


def summary(**fields) -> RunSummary:
    basics = {"run_id": "r1", "status": "pushed", "exit_code": 0, "seed": 0, "config_digest": ""}
    return RunSummary.model_validate({**basics, "config": {"name": "faces"}, **fields})


def scored(same: list[int], score: list[float], baseline: list[float] | None = None) -> ScoredPairs:
    count = len(same)
    a, b = (np.array([f"p{n}/{which}.png" for n in range(count)], object) for which in "ab")
    who = np.array([f"p{n}" for n in range(count)], object)
    return ScoredPairs(
        same=np.array(same, bool),
        score=np.array(score, float),
        distance=1 - np.array(score, float),
        baseline_score=None if baseline is None else np.array(baseline, float),
        baseline_distance=None if baseline is None else 1 - np.array(baseline, float),
        pixel_distance=np.zeros(count),
        identities=(who, who),
        images=(a, b),
        slices={},
    )


def write_pairs(folder, count: int):
    """The test split of a pairs artifact: the first image of a pair is black, the second as bright as its number."""
    shard = folder / f"Split-{features.TEST}" / "pairs-00000-of-00001"
    shard.parent.mkdir(parents=True)
    with create_records(str(shard)) as file:
        for number in range(count):
            sides = {
                features.side(key, which): value
                for which, bright in (("a", 0), ("b", number))
                for key, value in (
                    *((features.PIXELS, bytes([bright]) * 6), (features.HEIGHT, 2), (features.WIDTH, 3)),
                    (features.CHANNELS, 1),
                )
            }
            key = f"p{number}/a.png|p{number}/b.png".encode()
            write_record(file, encode_example({features.PAIR_ID: key, **sides}))
    return folder


@pytest.mark.parametrize(
    ("fields", "first", "among"),
    [
        ({"pushed_version": 7, "gates": [PASSED]}, "This model may be used: every gate passed, and it serves as", ""),
        ({"pushed_version": 7, "already_serving": True}, "This model already serves, as version 7.", ""),
        (
            {"status": "refused", "gates": [PASSED, REFUSED]},
            "This model must not be used: 1 of 2 gates refused it: baseline. What served before still serves.",
            "baseline: accuracy is 0.02 <worse> than the served model's.",
        ),
        (
            {"status": "failed", "failed_component": "Trainer", "error": "out of memory", "exit_code": 1},
            "The run failed in Trainer. Nothing was pushed.",
            "Next: start the same run again: the training resumes from its checkpoint. If it fails again, see log.txt.",
        ),
        (
            {"status": "failed", "error": "/x: no images", "exit_code": 2},
            "The run failed in its beginning. Nothing was pushed.",
            "/x: no images",
        ),
        (
            {"status": "skipped", "skipped": "3 new images"},
            "Nothing was trained: too few images are new.",
            "3 new images",
        ),
    ],
)
def test_the_verdict_is_the_first_line_and_why_comes_next(fields, first, among):
    run = summary(**fields)
    assert run.outcome.headline.startswith(first)
    assert not among or among in list(explanations(run))


def test_the_weakest_slice_is_named_if_it_is_worse_than_the_rest():
    slices = {
        "group: greek": {"accuracy": 0.8, "example_count": 200},
        "group: few": {"accuracy": 0.1, "example_count": 10},
        "kind: genuine": {"accuracy": 0.93, "example_count": 500},
    }
    run = summary(metrics={"accuracy": Metric(value=0.93)}, slices=slices)
    assert list(explanations(run))[:1] == [
        "It is weakest on group: greek: 20.0% of its 200 pairs are misclassified, 7.0% of all."
    ]
    del slices["group: greek"]
    sentences = explanations(summary(metrics={"accuracy": Metric(value=0.93)}, slices=slices))
    assert not any("weakest" in sentence for sentence in sentences)
    assert not list(explanations(summary()))


def test_the_most_extreme_pairs_come_first_under_each_heading():
    same = [1] * 20 + [0] * 20
    score = [*np.linspace(0.05, 0.99, 20), *np.linspace(0.01, 0.95, 20)]
    rows = select_pairs(scored(same, score))
    accepts, rejects, near, easy = rows.values()
    assert [heading.split()[0] for heading in rows] == ["False", "False", "Hard", "Easy"]
    assert accepts.tolist() == [*range(39, 39 - 10, -1)]
    assert rejects.tolist() == [*range(10)]
    assert len(near) == EACH
    assert abs(score[near[0]] - 0.5) == min(abs(one - 0.5) for one in score)
    assert easy.tolist() == [*range(19, 19 - 10, -1)]


def test_pictures_are_those_of_the_pairs(tmp_path):
    scores = scored([1, 0, 0, 1], [0.1, 0.9, 0.2, 0.8])
    shown = pictures(scores, write_pairs(tmp_path, 4), select_pairs(scores))
    (wrong,) = shown["False accepts: impostor pairs with the highest scores"]
    assert (wrong.names, wrong.score) == (("p1/a.png", "p1/b.png"), 0.9)
    pixels = [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))))
        for address in (wrong.a, wrong.b)
    ]
    assert [image.shape for image in pixels] == [(2, 3), (2, 3)]
    assert [int(image.max()) for image in pixels] == [0, 1]


def full_content(tmp_path, count: int = 400) -> Content:
    random = np.random.default_rng(0)
    same = random.integers(0, 2, count)
    score = np.clip(0.5 + (same - 0.5) * 0.5 + random.normal(0, 0.2, count), 0, 1)
    scores = scored(same.tolist(), score.tolist(), np.clip(score + random.normal(0, 0.2, count), 0, 1).tolist())
    metrics = {"accuracy": Metric(value=0.9, low=0.88, high=0.92), "auc": Metric(value=0.95)}
    counts = {"images": {"quarantined": 2, "splits": {"test": {"images": 9, "identities": 3}}}}
    refused = summary(
        status="refused",
        exit_code=3,
        gates=[PASSED, REFUSED],
        metrics=metrics,
        baseline_metrics={"accuracy": Metric(value=0.92)},
        gains={"accuracy": Metric(value=-0.02, low=-0.03, high=-0.01)},
        counts=counts,
        timings={"Trainer": 3.0},
        slices={"group: greek": {"accuracy": 0.8, "example_count": 200.0}},
    )
    pairs = write_pairs(tmp_path / "pairs", min(count, 256))
    return Content(refused, scores=scores, pairs=pairs, quarantine=[("a/<b>.png", "unreadable")], quarantined=2)


def test_the_page_has_all_parts_and_loads_nothing(tmp_path):
    page = render(full_content(tmp_path))

    assert page.count('class="plotly-graph-div"') == 6
    text = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert "accuracy is 0.02 &lt;worse&gt; than" in text
    assert "<td>a/&lt;b&gt;.png</td>" in text
    assert "(the first 1 of 2)" in text
    assert re.search(r"-0\.0200 \(-0\.030 to -0\.010\)", text)
    assert not re.search(r"""(?:src|href)=["'](?!data:|#)""", text), "the page loads something"
    assert all(re.search(r'alt="[^"]', image) for image in re.findall(r"<img [^>]*>", text))
    assert len(page) < 10e6


def test_the_page_shows_a_limited_number_of_slices():
    slices = {f"identity: {n}": {"accuracy": n / 3000, "example_count": 50.0} for n in range(3000)}
    page = render(Content(summary(slices=slices)))
    assert page.count("identity: ") == 100
    assert "identity: 0<" in page
    assert "2,900 more" in page


def test_the_page_of_a_failed_run_has_its_error():
    failed = summary(status="failed", exit_code=2, error="/x: no images", failed_component="ImageExampleGen")
    page = render(Content(failed))
    assert "/x: no images" in page
    assert "plotly-graph-div" not in page


@pytest.mark.parametrize("width", [412, 1280])
def test_it_fits_phones_and_desktops_and_every_chart_is_drawn(tmp_path, browser, width):
    file = tmp_path / "page.html"
    file.write_text(render(full_content(tmp_path)))
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(file.as_uri())
    page.wait_for_function("document.querySelectorAll('.plotly-graph-div > .plot-container').length >= 6")
    assert page.evaluate("innerWidth") == width
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()
