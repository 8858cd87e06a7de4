"""The model card: every section for every outcome of a run; names from the data are escaped."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from pydantic import ValidationError

from components.model_card.card import model_card, text
from components.model_card.settings import ModelCardSettings
from components.run_outcome.summary import Metric, RunSummary
from components.run_outcome.verdict import GateResult
from components.run_report.page import card_html
from models.export.manifest import ModelManifest
from models.settings import ImageSettings

SECTIONS = [
    "Model details",
    "Intended use",
    "Factors",
    "Metrics",
    "Evaluation data",
    "Training data",
    "Quantitative analyses",
    "Ethical considerations",
    "Caveats and recommendations",
]
PASSED = GateResult(name="floors", passed=True, reason="every floor is reached")
REFUSED = GateResult(name="baseline", passed=False, reason="accuracy is <worse> than 0.9 | so no")


def model(by: str = "identity") -> ModelManifest:
    return ModelManifest(
        model_digest="c0ffee" + "0" * 58,
        image=ImageSettings(height=8, width=9),
        distance="euclidean",
        threshold=1.25,
        slope=4.0,
        embedding=64,
        split={"by": by},
        config_digest="c",
        versions={"tfx": "1.16.0"},
    )


def summary(**changed) -> RunSummary:
    split = {"images": 40, "identities": 12}
    made = {"pairs": 3000, "kinds": {"genuine": 1500, "impostor_random": 1500}}
    found = {
        "run_id": "r1",
        "status": "refused",
        "exit_code": 3,
        "seed": 7,
        "config_digest": "beef",
        "config": {
            "name": "faces",
            "data": {"split": {"by": "identity"}},
            "loss": {"name": "contrastive", "margin": 1.0},
        },
        "gates": [PASSED],
        "counts": {
            "images": {"quarantined": 3, "unreadable": 3, "splits": {"train": split, "test": split}},
            "pairs": {"splits": {"train": made, "test": made}},
        },
        "metrics": {
            "accuracy": Metric(value=0.9, low=0.84, high=0.96),
            "tar_at_far_0.01": Metric(value=0.4),
            "tar_at_far_0.001": Metric(value=0.1),
        },
        "slices": {"group: greek": {"accuracy": 0.8, "example_count": 60.0}, "group: x": {"example_count": 5.0}},
    }
    return RunSummary.model_validate({**found, **changed})


def card(*, settings: dict | None = None, by: str = "identity", **changed) -> str:
    user = ModelCardSettings.model_validate(settings or {})
    found = summary(**changed)
    found.config["data"]["split"]["by"] = by
    return model_card(found, model(by), user, "2026-11-24")


def titles(markdown: str, level: int = 2) -> list[str]:
    tokens = MarkdownIt("commonmark").parse(markdown)
    heads = pairwise(tokens)
    return [inside.content for one, inside in heads if one.type == "heading_open" and one.tag == f"h{level}"]


def test_it_has_the_standard_sections_and_the_users_own_after_them():
    found = card(settings={"sections": {"Privacy": "Faces of *staff* only."}, "owners": ["Ann", "Bo"]})
    assert titles(found) == [*SECTIONS, "Privacy"]
    assert titles(found, 1) == ["Model card: faces"]
    assert "- Owners: Ann, Bo\n" in found
    assert "- Contact" not in found
    assert "\nFaces of *staff* only.\n" in found
    assert "All 1 gates passed: this model may serve." in found


def test_missing_statements_are_marked_as_such():
    found = card()
    for key in ("intended_use", "out_of_scope", "ethical_considerations"):
        assert f"Not stated; set `model_card.{key}`" in found
        assert f"`model_card.{key}`" not in card(settings={key: "Stated."})


def test_the_card_of_a_refused_model_begins_with_the_refusal():
    found = card(gates=[PASSED, REFUSED])
    assert found.index("**This model must not be used: 1 of 2 gates refused it: ") < found.index("## Model details")
    assert "- baseline: accuracy is &lt;worse> than 0.9 \\| so no" in found


def test_the_metrics_are_shown_with_those_of_the_served_model_if_there_is_one():
    assert "| accuracy | 0.9000 | 0.840 to 0.960 |\n" in card()
    gain = Metric(value=0.02, low=-0.01, high=0.05)
    found = card(baseline_metrics={"accuracy": Metric(value=0.88)}, gains={"accuracy": gain})
    assert "| accuracy | 0.9000 | 0.840 to 0.960 | 0.8800 | +0.0200 (-0.010 to 0.050) |\n" in found
    assert "| tar_at_far_0.01 | 0.4000 |  | | |\n" in found
    assert "No model served before it" in card()
    assert "No model served before it" not in found


def test_the_warnings_follow_from_the_metrics():
    found = card()
    assert "Only 12 test identities" in found
    assert "The accuracy, 0.900, is known to within 0.840 to 0.960 only" in found
    assert "It is weakest on group: greek: 20.0% of its 60 pairs are misclassified, 10.0% of all." in found
    assert "a share 0.01 of impostors may be accepted, 40.0% of genuine pairs are accepted" in found
    assert "trained on: its accuracy on new ones is not known" in card(by="image")
    good = card(
        metrics={"accuracy": Metric(value=0.99, low=0.985, high=0.995)},
        slices={},
        counts={"images": {"splits": {"test": {"images": 900, "identities": 300}}}},
    )
    assert "1,200 images were not trimmed" in card(counts={"images": {"untrimmed": 1200}})
    assert not re.search("Only|trimmed|known to within|weakest|may be accepted", good)


def test_a_baseline_with_another_preprocessing_is_a_warning():
    images = {"height": 35, "width": 35, "fit": "pad", "trim": 50}
    config = {"data": {"split": {"by": "identity"}}, "image": images}
    better = {"baseline_metrics": {"accuracy": Metric(value=0.88)}, "config": config}
    found = card(baseline={"image": {**images, "fit": "stretch", "trim": None, "binarise": None}}, **better)
    assert "images preprocessed differently (fit stretch, here pad; trim None, here 50)" in found
    for same in ({"image": images}, {"image": {}}, {}):
        assert "preprocessed differently" not in card(baseline=same, **better)


def test_slices_beyond_the_limit_are_counted():
    slices = {f"group: g{n}": {"accuracy": n / 100, "example_count": 50.0} for n in range(80)}
    found = card(slices=slices)
    assert "| group: g0 | 50 | 0.0000 |" in found
    assert "30 more slices with at least this accuracy." in found


@given(st.text(max_size=60))
def test_a_name_is_one_cell_of_text(name):
    found = f"| {text(name)} | 1 |\n|---|---|\n"
    page = MarkdownIt("commonmark", {"html": True}).enable("table").render(found)
    cells = re.findall(r"<th>(.*?)</th>", page, re.DOTALL)
    assert len(cells) == 2, page
    assert "<" not in cells[0]


def test_the_page_escapes_html_and_loads_nothing():
    page = card_html(
        "# A\n\n<script>x</script> ![p](http://x/y.png) [l](javascript:z) [ok](https://x)\n\n| a |\n|--|\n| b |"
    )
    assert "<h3>A</h3>" in page
    assert "<td>b</td>" in page
    assert not re.search(r"<script|<img|href=\"javascript", page)
    assert 'href="https://x"' in page


@pytest.mark.parametrize(
    "wrong", [{"licence": " "}, {"owner": "x"}, {"sections": {"# A": "x"}}, {"sections": {"A": ""}}]
)
def test_a_wrong_setting_is_refused_at_the_edge(wrong):
    with pytest.raises(ValidationError):
        ModelCardSettings.model_validate(wrong)
