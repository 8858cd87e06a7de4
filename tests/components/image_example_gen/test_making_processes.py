"""Processes that make images beside this one: the same rows and records, and none of them is needed."""

import io
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from components.image_example_gen import helper_processes, image_making, making_processes
from components.image_example_gen.image_making import Image, ImageMaker
from components.image_example_gen.making_processes import Makers
from components.image_example_gen.settings import IngestSettings
from components.image_example_gen.sources.folder import FolderSource
from components.image_example_gen.sources.source import Found
from components.storage.folders import open_folder
from models.settings import ImageSettings

SETTINGS = IngestSettings(max_pixels=10_000), ImageSettings(height=9, width=12), 7


def encoded(mode: str, size: tuple[int, int], kind: str) -> bytes:
    made = io.BytesIO()
    pixels = np.random.default_rng(size[0]).integers(0, 256, (size[1], size[0], 3), np.uint8)
    Pillow.fromarray(pixels).convert(mode).save(made, kind)
    return made.getvalue()


FILES = {
    "plain JPEG": encoded("RGB", (20, 10), "JPEG"),
    "plain PNG": encoded("L", (20, 10), "PNG"),
    "bilevel": encoded("1", (20, 10), "PNG"),
    "transparent": encoded("RGBA", (20, 10), "PNG"),
    "too many pixels": encoded("L", (200, 100), "PNG"),
    "truncated": encoded("RGB", (20, 10), "JPEG")[:-40],
    "no image": b"a letter",
    "empty": b"",
}
BATCH = [Image(Found(name, "someone", "", bytes=len(data)), data) for name, data in FILES.items()]
BATCH.append(Image(Found("gone", "someone", "", reason="cannot be read: FileNotFoundError"), b""))


def children() -> list[int]:
    pids = " ".join(path.read_text() for path in Path("/proc/self/task").glob("*/children")).split()
    return [int(pid) for pid in pids if b"making_processes" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def ready(makers: Makers, count: int) -> None:
    until = time.monotonic() + 120
    while makers._idle.qsize() < count * making_processes.AT_A_TIME:
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.fixture(scope="module")
def here() -> list:
    """What this process makes."""
    return ImageMaker(*SETTINGS).make(BATCH)


@pytest.fixture
def makers():
    made = []

    def started(others: int, source=None) -> Makers:
        made.append(Makers(*SETTINGS, source, others))
        return made[-1]

    yield started
    for one in made:
        one.close()
    assert not children()


@pytest.fixture
def only_there(monkeypatch):
    """What this process makes from now on is an error."""
    monkeypatch.setattr(ImageMaker, "make", lambda *_: pytest.fail("made here"))


def test_unusable_images_have_their_reasons(here):
    reasons = {row.image_id: row.reason for row, _ in here if row.reason}
    assert reasons.keys() == {"too many pixels", "truncated", "no image", "empty", "gone"}
    assert all(bool(record) != bool(row.reason) for row, record in here)


def test_another_process_makes_the_same(makers, here, only_there):
    makers = makers(1)
    ready(makers, 1)
    process = makers._idle.get()
    for _ in range(3):
        assert process.make(BATCH) == here


def test_several_threads_share_them(makers, here):
    makers = makers(2)
    assert len(children()) == 2
    with ThreadPoolExecutor(4) as pool:
        early = list(pool.map(makers.make, [BATCH] * 8))  # while they load TensorFlow
        ready(makers, 2)
        late = list(pool.map(makers.make, [BATCH] * 20))
    assert early + late == [here] * 28


def test_a_large_image_is_left_to_this_process(makers, here, monkeypatch):
    monkeypatch.setattr(image_making, "LARGE", 100)
    settings, image, seed = SETTINGS
    assert [made is None for made in ImageMaker(settings, image, seed, takes_large=False).make(BATCH)] == [
        name in ("plain JPEG", "plain PNG", "bilevel", "transparent", "too many pixels", "truncated")
        for name in (row.image_id for row, _ in here)
    ]
    assert makers(0)._made_here(BATCH, [None] * len(BATCH)) == here


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP])
def test_a_process_that_is_killed_or_hangs_costs_no_image(makers, here, number, monkeypatch):
    monkeypatch.setattr(making_processes, "_SECONDS", 0.5)
    makers = makers(1)
    ready(makers, 1)
    for pid in children():
        os.kill(pid, number)
    time.sleep(0.2)
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(makers.make, [BATCH] * 9)) == [here] * 9


def test_those_that_are_prepared_are_taken_and_the_others_end(makers, here, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2})
    with helper_processes.prepared():
        first, second = (one._popen for one in helper_processes._waiting)
        started = makers(1)
        ready(started, 1)
        assert started._idle.get().make(BATCH) == here
        assert (first.poll(), second.poll()) == (None, None)
    assert [one.poll() for one in (first, second)].count(None) == 1
    started.close()
    assert None not in (first.poll(), second.poll())


def test_one_that_was_killed_before_it_was_taken_costs_no_image(makers, here):
    with helper_processes.prepared():
        for pid in children():
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.2)
        assert makers(1).make(BATCH) == here


def test_each_process_reads_files_of_its_own(makers, here, tmp_path, only_there):
    for name, data in FILES.items():
        (tmp_path / name).write_bytes(data)
    rows = [image.row._replace(reason="") for image in BATCH]
    makers = makers(1, FolderSource(open_folder(str(tmp_path)), "identity"))
    ready(makers, 1)
    assert makers._idle.get().make([Image(row) for row in rows]) == here


def test_several_batches_of_a_process_come_back_in_their_order(makers, here):
    makers = makers(1)
    ready(makers, 1)
    process = makers._idle.get()
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(process.make, [[image] for image in BATCH] * 5))
    assert parts == [[made] for made in here] * 5


def test_the_working_folder_of_a_person_changes_nothing(makers, here, tmp_path, monkeypatch):
    for name in ("models", "components", "queue"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('another program')")
    monkeypatch.chdir(tmp_path)
    makers = makers(1)
    ready(makers, 1)
    assert makers._idle.get().make(BATCH) == here


def test_where_none_can_be_started_this_one_does_it(makers, here, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    makers = makers(2)
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(makers.make, [BATCH] * 6)) == [here] * 6


def test_what_nobody_expects_of_an_image_names_it(makers, monkeypatch):
    broken = Image(Found("odd", "someone", ""), 5)  # no bytes at all
    makers = makers(1)
    ready(makers, 1)
    with pytest.raises(RuntimeError, match=r"^odd: "):
        makers._idle.get().make([broken])
