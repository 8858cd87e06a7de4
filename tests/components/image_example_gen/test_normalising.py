"""Processes that normalise images: they answer as this one would, and none of them is needed."""

import io
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from components.image_example_gen import normalising
from components.image_example_gen.normalising import Normalisers
from models.data.image_formats import UnreadableImage, normalise

LIMITS = {"max_pixels": 10_000, "max_bytes": 100_000, "max_frames": 4}


def encoded(mode: str, size: tuple[int, int], kind: str) -> bytes:
    made = io.BytesIO()
    pixels = np.random.default_rng(size[0]).integers(0, 256, (size[1], size[0], 3), np.uint8)
    Image.fromarray(pixels).convert(mode).save(made, kind)
    return made.getvalue()


IMAGES = {
    "plain JPEG": encoded("RGB", (20, 10), "JPEG"),
    "plain PNG": encoded("L", (20, 10), "PNG"),
    "bilevel": encoded("1", (20, 10), "PNG"),
    "transparent": encoded("RGBA", (20, 10), "PNG"),
    "too many pixels": encoded("L", (200, 100), "PNG"),
    "truncated": encoded("RGB", (20, 10), "JPEG")[:-40],
    "no image": b"a letter",
    "empty": b"",
}


def here(data: bytes):
    try:
        return normalise(data, **LIMITS)
    except UnreadableImage as error:
        return error.reason


def said(answers) -> list:
    return [one.reason if isinstance(one, UnreadableImage) else one for one in answers]


@pytest.fixture
def normalisers():
    made = Normalisers(2, LIMITS)
    yield made
    made.close()


def children() -> list[int]:
    found = [path.read_text().split() for path in Path("/proc/self/task").glob("*/children")]
    return [int(pid) for some in found for pid in some if b"normalising" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def test_they_answer_as_this_process_would(normalisers):
    assert said(normalisers.normalise(list(IMAGES.values()))) == [here(data) for data in IMAGES.values()]


def test_several_threads_share_them(normalisers):
    batches = [list(IMAGES.values())[number % 4 :] for number in range(20)]
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(normalisers.normalise, batches))
    assert [said(one) for one in answers] == [[here(data) for data in batch] for batch in batches]
    assert len(children()) == 2


def test_a_large_image_is_left_to_this_process(monkeypatch):
    monkeypatch.setattr(normalising, "LARGE", 100)
    normalisers = Normalisers(1, LIMITS)
    assert normalisers.normalise([IMAGES["plain PNG"], IMAGES["no image"]])[0] is None
    assert isinstance(normalisers.normalise([IMAGES["no image"]])[0], UnreadableImage)
    normalisers.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_process_that_is_killed_costs_no_image(normalisers, number):
    normalisers.normalise([IMAGES["plain PNG"]])
    for pid in children():
        os.kill(pid, number)
    time.sleep(0.2)
    assert normalisers.normalise([IMAGES["plain PNG"]] * 3) in ([None] * 3, [here(IMAGES["plain PNG"])] * 3)
    for _ in range(2):  # both are there again
        assert normalisers.normalise([IMAGES["bilevel"]])[0] in (None, here(IMAGES["bilevel"]))
    assert normalisers.normalise([IMAGES["bilevel"]]) == [here(IMAGES["bilevel"])]


def test_without_processes_this_one_does_it(normalisers, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert normalisers.normalise([IMAGES["plain PNG"], IMAGES["no image"]]) == [None, None]


def test_none_is_left_over():
    normalisers = Normalisers(2, LIMITS)
    normalisers.normalise([IMAGES["plain PNG"]])
    assert children()
    normalisers.close()
    assert not children()
    normalisers.close()
