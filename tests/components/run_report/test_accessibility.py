"""Accessibility of the pages (WCAG 2.2): contrast, colour blindness, keyboard, screen readers."""

import itertools
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from test_training_views import write_curves, write_embeddings

import components.run_report
from components.pair_scores.table import ScoredPairs
from components.run_outcome.summary import Metric, RunSummary
from components.run_outcome.verdict import GateResult
from components.run_report.comparison_page import render_comparison
from components.run_report.content import Content
from components.run_report.page import render

STYLE = (Path(components.run_report.__file__).parent / "templates" / "style.html.j2").read_text()
TEXT = ("ink", "faint", "good", "bad", "accent")


def schemes() -> dict[str, dict[str, str]]:
    """The variables of the style, light and dark."""
    light, dark = (
        dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6})", one)) for one in re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
    )
    return {"light": light, "dark": {**light, **dark}}


def luminance(colour: str) -> float:
    """Relative luminance of ``#rrggbb``, as WCAG defines it."""
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def contrast(one: str, other: str) -> float:
    """WCAG 2.2: 1 to 21."""
    dark, bright = sorted(map(luminance, (one, other)))
    return (bright + 0.05) / (dark + 0.05)


def content(tmp_path: Path, run_id: str = "r1", seed: int = 0) -> Content:
    """A run with all that a page shows but pictures."""
    random = np.random.default_rng(seed)
    same = np.arange(300) % 2 == 0
    score, baseline = (np.clip(0.5 + (same - 0.5) * 0.5 + random.normal(0, 0.2, 300), 0, 1) for _ in range(2))
    names = np.array([f"{n}.png" for n in range(300)], object)
    scores = ScoredPairs(
        same=same,
        score=score,
        distance=1 - score,
        baseline_score=baseline,
        baseline_distance=1 - baseline,
        pixel_distance=np.zeros(300),
        identities=(names, names),
        images=(names, names),
        slices={},
    )
    refused = RunSummary(
        run_id=run_id,
        status="refused",
        exit_code=3,
        seed=seed,
        config={"name": "faces", "seed": seed},
        config_digest="",
        gates=[GateResult(name="floors", passed=False, reason="accuracy 0.6")],
        metrics={"accuracy": Metric(value=0.9, low=0.88, high=0.92)},
        counts={"images": {"splits": {"test": {"images": 9, "identities": 3}}}},
        slices={"group: greek": {"accuracy": 0.8, "example_count": 200.0}},
        timings={"Trainer": 3.0, "Pusher": 0.1},
        peak_memory_mb={"Trainer": 900.0},
    )
    training = tmp_path / run_id
    write_curves(training, loss=[0.9, 0.5], auc=[0.8, 0.9], eer=[0.2, 0.1])
    write_embeddings(training, 4, 12)
    lineage = [("images", "9 files"), ("", "and more")]
    return Content(refused, scores=scores, training=training, quarantine=[("a.png", "unreadable")], lineage=lineage)


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[str, str]:
    """Pages of a run, of two runs, of a failed run, and of a failed run and another."""
    folder = tmp_path_factory.mktemp("runs")
    a, b = content(folder, "a"), content(folder, "b", 1)
    failed = Content(replace_status(a.summary))
    return {
        "run": render(b),
        "scores only": render(replace(b, summary=replace_status(b.summary))),
        "failed": render(failed),
        "two runs": render_comparison(a, b),
        "a failed run and another": render_comparison(failed, b),
    }


def replace_status(summary: RunSummary) -> RunSummary:
    """The same run, but failed before the evaluation."""
    basics = summary.model_dump(include={"run_id", "seed", "config", "config_digest"})
    return RunSummary(**basics, status="failed", exit_code=1, error="out of memory", failed_component="Trainer")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("ground", ["ground", "surface"])
@pytest.mark.parametrize("text", TEXT)
def test_text_has_enough_contrast(scheme, ground, text):
    colours = schemes()[scheme]
    assert contrast(colours[text], colours[ground]) >= 4.5


def test_the_arithmetic_of_contrast_is_that_of_the_standard():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)  # the well-known grey that just fails
    assert schemes()["light"] != schemes()["dark"]


@pytest.mark.parametrize("page", ["run", "two runs"])
def test_lines_and_marks_of_the_charts_have_enough_contrast_in_both_schemes(pages, page):
    drawn = colours_of(pages[page])
    assert len(drawn) >= 3
    for scheme, colour in itertools.product(schemes().values(), drawn):
        assert contrast(colour, scheme["surface"]) >= 3, colour


@pytest.mark.parametrize("page", ["run", "two runs"])
def test_lines_of_a_chart_differ_without_their_colours(pages, page):
    for traces in traces_of(pages[page]):
        shapes = [
            (one["line"].get("dash"), one["line"].get("width")) for one in traces if "lines" in one.get("mode", "")
        ]
        assert len(set(shapes)) == len(shapes)


def traces_of(page: str) -> list[list[dict]]:
    """The traces of each chart, as passed to plotly."""
    starts = [found.end() for found in re.finditer(r'Plotly\.newPlot\(\s*"[^"]+",\s*', page)]
    return [json.JSONDecoder().raw_decode(page, start)[0] for start in starts]


def colours_of(page: str) -> set[str]:
    """Every colour of a line or a mark."""
    traces = itertools.chain(*traces_of(page))
    parts = [part.get("color") for one in traces for part in (one.get("line", {}), one.get("marker", {}))]
    return {colour for colour in parts if isinstance(colour, str)}


class Outline(HTMLParser):
    """The structure of a page, as a screen reader sees it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.levels: list[int] = []
        self.wrong: list[str] = []
        self.language = ""
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.heading: list[str] | None = None
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.ids |= {attributes["id"]} if "id" in attributes else set()
        if re.fullmatch("h[1-6]", tag):
            self.levels.append(int(tag[1]))
        if tag == "html":
            self.language = attributes.get("lang", "")
        if tag == "a":
            self.links.add(attributes["href"])
        if tag == "th":
            self.heading = []
            self.wrong += [] if attributes.get("scope") in ("row", "col") else [f"th without scope: {self.getpos()}"]
        if tag == "img" and not attributes.get("alt"):
            self.wrong.append(f"image without text: {self.getpos()}")

    def handle_data(self, data):
        if self.heading is not None:
            self.heading.append(data)

    def handle_endtag(self, tag):
        if tag == "th":
            self.wrong += [] if "".join(self.heading or []).strip() else [f"empty heading: {self.getpos()}"]
            self.heading = None


@pytest.mark.parametrize("page", ["run", "scores only", "failed", "two runs", "a failed run and another"])
def test_a_screen_reader_can_read_the_page_in_order(pages, page):
    found = Outline(re.sub(r"<script.*?</script>", "", pages[page], flags=re.DOTALL))
    assert found.language == "en"
    assert found.wrong == []
    assert found.levels[0] == 1
    assert found.levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(found.levels))
    assert "#content" in found.links
    assert {link.removeprefix("#") for link in found.links} <= found.ids


@pytest.mark.parametrize(("page", "charts", "maps"), [("run", 7, 1), ("two runs", 4, 0)])
def test_each_chart_has_a_table_of_its_numbers(pages, page, charts, maps):
    assert len(traces_of(pages[page])) == charts + maps
    figures = re.findall(r"<figure>.*?</figure>", pages[page], re.DOTALL)
    assert len(figures) == charts
    for figure in figures:
        assert 'role="img" aria-label="' in figure
        rows = re.search(r"<details><summary>As a table.*?</thead>(.*)</table>", figure, re.DOTALL)[1]
        assert rows.count("<tr>") >= 2


@pytest.fixture
def opened(browser, pages, tmp_path):
    """Opens a page on a phone, in a scheme."""

    def show(name: str, scheme: str = "light"):
        file = tmp_path / "page.html"
        file.write_text(pages[name])
        contexts.append(browser.new_context(viewport={"width": 412, "height": 900}, color_scheme=scheme))
        page = contexts[-1].new_page()
        page.goto(file.as_uri())
        return page

    contexts = []
    yield show
    for one in contexts:
        one.close()


_TEXTS = """[...document.querySelectorAll(".js-plotly-plot text")].filter((one) => one.textContent.trim())
    .map((one) => getComputedStyle(one).fill)"""
_WIDE = """[...document.querySelectorAll(".scroll, pre")].filter((one) => one.scrollWidth > one.clientWidth)
    .map((one) => one.tabIndex)"""


@pytest.mark.parametrize("name", ["run", "two runs"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_text_of_charts_follows_the_scheme(opened, name, scheme):
    page = opened(name, scheme)
    colours = schemes()[scheme]
    assert {as_hex(one) for one in page.evaluate(_TEXTS)} == {colours["faint"]}
    ground = page.evaluate("getComputedStyle(document.querySelector('figure')).backgroundColor")
    assert as_hex(ground) == colours["surface"]


def test_printed_it_is_dark_on_light_and_every_part_is_open(opened):
    page = opened("run", "dark")
    page.emulate_media(media="print", color_scheme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    light = schemes()["light"]
    assert (
        as_hex(page.evaluate("getComputedStyle(document.querySelector('figure')).backgroundColor")) == light["surface"]
    )
    assert {as_hex(one) for one in page.evaluate(_TEXTS)} == {light["faint"]}
    assert page.evaluate("[...document.querySelectorAll('details')].every((one) => one.open)")
    assert not page.is_visible("nav")


@pytest.mark.parametrize("name", ["run", "two runs"])
def test_the_keyboard_reaches_the_content_the_sections_and_what_is_wider_than_the_page(opened, name):
    page = opened(name)
    page.keyboard.press("Tab")
    skip = page.evaluate("(({ textContent, hash }) => [textContent, hash])(document.activeElement)")
    assert skip == ["Skip to the content", "#content"]
    assert page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    headings = page.eval_on_selector_all("h2", "all => all.map((one) => [`#${one.id}`, one.textContent])")
    assert page.eval_on_selector_all("nav a", "all => all.map((one) => [one.hash, one.textContent])") == headings
    wide = page.evaluate(_WIDE)
    assert wide
    assert set(wide) == {0}
    tables = page.locator("figure summary")
    tables.first.focus()
    page.keyboard.press("Enter")
    assert page.locator("figure table").first.is_visible()


def test_the_arrow_keys_go_through_the_embedding_map(opened):
    page = opened("run")
    label, thumbnail = page.locator("#pointed"), page.locator("#thumbnail")
    page.locator("#walk").focus()
    seen = []
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft", "ArrowLeft"):
        page.keyboard.press(key)
        seen.append((label.inner_text(), thumbnail.evaluate("one => one.style.backgroundPosition")))
    assert thumbnail.is_visible()
    assert seen[0][0] == "p0: 0.png"
    assert seen[0] == seen[2]
    assert len(set(seen)) == 3  # the last is that before the first


def as_hex(colour: str) -> str:
    """``rgb(r, g, b)`` as ``#rrggbb``."""
    return "#" + "".join(f"{int(one):02x}" for one in re.findall(r"\d+", colour)[:3])
