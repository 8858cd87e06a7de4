"""The page, in the machine's own Chromium."""

import re

import pytest
from running_server import serving
from tiny_model import GREY, patterns, png

from components.serving_folder.storage import link_or_copy
from models.export.inference import LoadedModel
from pipeline.serving.server.admission import Limits


@pytest.fixture(scope="module")
def server(exported, tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    link_or_copy(exported.path, folder / "7")
    with serving(folder, limits=Limits(max_pixels=5000)) as found:
        yield found


@pytest.fixture
def page(browser, server):
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.complaints, page.addresses = [], []
    page.on("console", lambda message: page.complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("request", lambda request: page.addresses.append(request.url))
    page.goto(server.url)
    yield page
    context.close()


@pytest.fixture
def files(tmp_path):
    found = []
    for number, pixels in enumerate(patterns(2, GREY, seed=5)):
        found.append(tmp_path / f"{number}.png")
        found[-1].write_bytes(png(pixels))
    return found


def pick(page, first, second):
    page.get_by_label("First image").set_input_files(first)
    page.get_by_label("Second image").set_input_files(second)


def test_two_picked_images_are_compared(page, files, server, exported):
    expected = LoadedModel(exported.path).compare(*files)
    pick(page, *files)
    page.get_by_role("heading", name=re.compile("^(The same|Different)$")).wait_for()
    verdict = page.locator("#verdict")
    assert verdict.get_by_role("heading").inner_text() == ("The same" if expected.same else "Different")
    text = verdict.inner_text()
    assert f"Score {expected.score:.4f}" in text
    assert f"distance is {expected.distance:.4f}" in text
    assert "threshold of 0.4000" in text
    assert "version 7" in page.locator("#model").inner_text()
    assert page.locator(".slot img").count() == 2
    assert all(width > 0 for width in page.locator(".slot img").evaluate_all("all => all.map(one => one.naturalWidth)"))
    assert page.complaints == []
    assert {address.startswith((server.url, "blob:", "data:")) for address in page.addresses} == {True}


def test_the_same_image_twice_is_the_same(page, files):
    pick(page, files[0], files[0])
    page.get_by_role("heading", name="The same", exact=True).wait_for()


def test_dropped_images_are_compared(page, files):
    for slot, file in zip(("#slot-a", "#slot-b"), files, strict=True):
        transfer = page.evaluate_handle(
            """bytes => { const all = new DataTransfer();
                 all.items.add(new File([new Uint8Array(bytes)], "dropped.png", {type: "image/png"})); return all; }""",
            list(file.read_bytes()),
        )
        page.dispatch_event(slot, "drop", {"dataTransfer": transfer})
    page.get_by_role("heading", name=re.compile("^(The same|Different)$")).wait_for()
    assert page.locator("#name-b").inner_text() == "dropped.png"


def test_a_refused_image_is_explained(page, files, tmp_path):
    (tmp_path / "x.png").write_bytes(b"hello")
    pick(page, files[0], tmp_path / "x.png")
    page.get_by_role("heading", name="Not compared").wait_for()
    assert "image_b: not an image of an allowed format" in page.locator("#verdict").inner_text()


def test_the_keyboard_reaches_both_fields_and_they_show_it(page):
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.ariaLabel") == "First image"
    assert page.locator("#slot-a").evaluate("one => getComputedStyle(one).outlineStyle") == "solid"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.ariaLabel") == "Second image"
    assert page.locator("#verdict").get_attribute("aria-live") == "polite"


@pytest.mark.parametrize("width", [320, 390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_overflows_and_colours_can_be_distinguished(browser, server, files, width, scheme):
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = context.new_page()
    page.goto(server.url)
    pick(page, *files)
    page.locator("#verdict h2").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    contrasts = page.evaluate(
        """() => {
          const light = colour => colour.match(/[\\d.]+/g).slice(0, 3).map(one => one / 255)
            .map(one => one <= .03928 ? one / 12.92 : ((one + .055) / 1.055) ** 2.4)
            .reduce((sum, one, n) => sum + one * [.2126, .7152, .0722][n], 0);
          const ground = light(getComputedStyle(document.body).backgroundColor);
          return [...document.querySelectorAll("h1, h2, p, .ends span")].map(one => {
            const [high, low] = [light(getComputedStyle(one).color), ground].sort((a, b) => b - a);
            return (high + .05) / (low + .05);
          });
        }"""
    )
    assert min(contrasts) >= 4.5
    context.close()
