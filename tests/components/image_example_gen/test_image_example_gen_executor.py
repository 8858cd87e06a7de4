"""The executor on real artifacts and real images: records, files set aside, errors that stop the run."""

import csv
import hashlib
import json
import os
import time
from pathlib import Path

import apache_beam as beam
import numpy as np
import pytest
import tensorflow as tf
from apache_beam.testing.test_pipeline import TestPipeline
from PIL import Image
from tfx.types import artifact_utils, standard_artifacts

from components.artifact_types import IngestReport
from components.image_example_gen import image_making, image_records, making_processes, transforms
from components.image_example_gen.component import ImageExampleGen
from components.image_example_gen.executor import Executor
from components.image_example_gen.settings import IngestSettings, SplitSettings
from components.image_example_gen.sources.address import open_source
from components.image_example_gen.sources.folder import FolderSource
from components.storage.folders import open_folder
from models.data import canonical_pixels, features, image_formats
from models.data.features import SPLITS
from models.errors import RejectedData, UserError
from models.settings import ImageSettings

BEAM = [
    "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner",
    "--sdk_container_image=none",  # unused in process; without it TFX builds a source package of itself each time
]
IMAGE = ImageSettings(height=12, width=12)
SPLIT = SplitSettings(train=0.4, val=0.3, test=0.3)


def save(path: Path, seed: int, **options) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (12, 12), dtype=np.uint8)).save(path, **options)


@pytest.fixture(name="data")
def _data(tmp_path) -> Path:
    root = tmp_path / "my images"
    for identity in range(12):
        for image in range(3):
            save(root / f"identität {identity}" / f"{image}.png", 100 * identity + image)
    return root


def parameters(root: Path, protocol: str = "{}", seed: int = 2, **changes) -> dict:
    settings = IngestSettings(split=SPLIT).model_copy(update=changes)
    return {
        "data_root": str(root),
        "data_digest": open_source(str(root), settings).fingerprint(),
        "settings": settings.model_dump_json(),
        "image": IMAGE.model_dump_json(),
        "protocol": protocol,
        "seed": seed,
        "code_digest": "",
    }


def run(root: Path, output: Path, *beam_arguments: str, **changes) -> tuple[standard_artifacts.Examples, dict, dict]:
    """Runs the executor; returns the Examples, the counts and the reasons by path."""
    examples, report = standard_artifacts.Examples(), IngestReport()
    for artifact, name in ((examples, "examples"), (report, "report")):
        artifact.uri = str(output / name)
        Path(artifact.uri).mkdir(parents=True)
    context = Executor.Context(beam_pipeline_args=[*BEAM, *beam_arguments], tmp_dir=str(output / "tmp"), unique_id="1")
    Executor(context).Do({}, {"examples": [examples], "report": [report]}, parameters(root, **changes))
    with (output / "report" / "quarantine.csv").open(encoding="utf-8", newline="") as file:
        reasons = {row["path"]: row["reason"] for row in csv.DictReader(file)}
    return examples, json.loads((output / "report" / "counts.json").read_text()), reasons


def read(examples: standard_artifacts.Examples, split: str) -> list[tf.train.Example]:
    folder = Path(artifact_utils.get_split_uri([examples], split))
    return [
        tf.train.Example.FromString(record)
        for path in sorted(folder.iterdir())
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
    ]


def text(example: tf.train.Example, key: str) -> str:
    return example.features.feature[key].bytes_list.value[0].decode()


def contents(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_images_of_the_configured_size_are_not_trimmed_and_are_counted(data, tmp_path, monkeypatch):
    trimming = IMAGE.model_copy(update={"trim": 40})
    monkeypatch.setitem(globals(), "IMAGE", trimming)
    drawn = np.full((90, 60), 255, np.uint8)
    drawn[20:30, 40:50] = np.random.default_rng(5).integers(0, 200, (10, 10))
    Image.fromarray(drawn).save(data / "identität 3" / "drawn.png")
    examples, counts, _ = run(data, tmp_path / "out")
    assert (counts["images"], counts["untrimmed"]) == (37, 36)
    found = {text(one, features.IMAGE_ID): one for split in SPLITS for one in read(examples, split)}
    stored = found["identität 3/drawn.png"].features.feature[features.PIXELS].bytes_list.value[0]
    expected = np.pad(drawn[20:30, 40:50], 1, constant_values=255)
    np.testing.assert_array_equal(np.frombuffer(stored, np.uint8).reshape(12, 12), expected)


def test_every_image_is_in_one_split_with_its_pixels(data, tmp_path):
    examples, counts, reasons = run(data, tmp_path / "out")
    assert json.loads(examples.split_names) == list(SPLITS)
    seen: dict[str, set[str]] = {}
    for split in SPLITS:
        for example in read(examples, split):
            feature = example.features.feature
            assert set(feature) == {
                features.IMAGE_ID, features.IMAGE_DIGEST, features.PIXELS, features.HEIGHT, features.WIDTH,
                features.CHANNELS, features.IDENTITY, features.GROUP, features.FORMAT, features.SOURCE_HEIGHT,
                features.SOURCE_WIDTH, features.BRIGHTNESS, features.CONTRAST, features.IMPOSTOR_OF,
                features.SOURCE_BYTES, features.SPAN, features.IDENTITY_IMAGES,
            }  # fmt: skip
            expected = np.asarray(Image.open(data / text(example, features.IMAGE_ID)))
            raw = feature[features.PIXELS].bytes_list.value[0]
            assert raw == expected.tobytes()
            assert text(example, features.IMAGE_DIGEST) == canonical_pixels.digest(expected[:, :, None])
            assert feature[features.BRIGHTNESS].float_list.value[0] == pytest.approx(expected.mean() / 255)
            assert feature[features.CONTRAST].float_list.value[0] == pytest.approx(expected.std() / 255)
            seen.setdefault(text(example, features.IDENTITY), set()).add(split)
    assert len(seen) == 12
    assert all(len(splits) == 1 for splits in seen.values())
    assert counts["images"] == sum(counts["splits"][split]["images"] for split in SPLITS) == 36
    assert reasons == {}
    assert {path.name for path in (tmp_path / "out" / "examples").iterdir()} == {f"Split-{split}" for split in SPLITS}
    assert {path.name for path in (tmp_path / "out" / "report").iterdir()} == {
        "counts.json",
        "near_duplicates.csv",
        "quarantine.csv",
    }


def test_workers_and_order_change_nothing(data, tmp_path, monkeypatch):
    monkeypatch.setattr(transforms, "CHUNK", 5)
    chunks = transforms.chunked
    monkeypatch.setattr("components.image_example_gen.executor.chunked", lambda found: chunks(found, 5))
    run(data, tmp_path / "one")
    monkeypatch.setattr("components.image_example_gen.executor.chunked", lambda found: chunks(found, 5)[::-1])
    run(data, tmp_path / "other", "--direct_running_mode=multi_threading", "--direct_num_workers=3")
    one, other = contents(tmp_path / "one"), contents(tmp_path / "other")
    assert len(one) > 8
    assert one == other


def test_large_images_take_turns_and_give_the_same_files(data, tmp_path, monkeypatch):
    Image.new("L", (13, 12)).save(data / "identität 1" / "too large.png")
    run(data, tmp_path / "at once", max_pixels=144)
    monkeypatch.setattr(image_making, "LARGE", 143)
    inside, most = 0, 0
    real = image_formats.normalise

    def watched(content: bytes, **limits: int) -> image_formats.Normalised:
        nonlocal inside, most
        if limits["max_pixels"] > 143:
            inside += 1
            most = max(most, inside)
            time.sleep(0.002)  # long enough for another thread to come in, if it may
        try:
            return real(content, **limits)
        finally:
            inside -= limits["max_pixels"] > 143

    monkeypatch.setattr(image_formats, "normalise", watched)
    _, _, reasons = run(data, tmp_path / "in turns", max_pixels=144)
    assert most == 1
    assert reasons == {"identität 1/too large.png": "too many pixels: 13x12 > 144"}
    assert contents(tmp_path / "at once" / "examples") == contents(tmp_path / "in turns" / "examples")


def test_other_processes_give_the_same_files(data, tmp_path, monkeypatch):
    """Also where an image is large, damaged, or not as TensorFlow reads it."""
    Image.new("1", (13, 12)).save(data / "identität 1" / "bilevel.tif")
    Image.new("L", (40, 30)).save(data / "identität 1" / "large.jpg")
    (data / "identität 2" / "damaged.png").write_bytes((data / "identität 1" / "0.png").read_bytes()[:-30])
    run(data, tmp_path / "here", max_quarantined=0.5)
    monkeypatch.setattr(transforms, "MANY", 0)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2})
    made = []
    real = making_processes._Process.make
    monkeypatch.setattr(making_processes._Process, "make", lambda *args: made.append(real(*args)) or made[-1])
    start = making_processes.Makers.__init__

    def start_and_wait(makers, *arguments):
        start(makers, *arguments)
        until = time.monotonic() + 120
        while makers._idle.qsize() < 2 * making_processes.AT_A_TIME:
            assert time.monotonic() < until
            time.sleep(0.05)
        makers._here.acquire()  # this process is busy

    monkeypatch.setattr(making_processes.Makers, "__init__", start_and_wait)
    run(data, tmp_path / "there", max_quarantined=0.5)
    assert sum(len(some) for some in made) == 39
    for name in ("examples", "report"):
        assert contents(tmp_path / "here" / name) == contents(tmp_path / "there" / name)


def test_copies_go_and_only_their_files_are_rewritten(data, tmp_path):
    (data / "identität 1" / "copy.png").write_bytes((data / "identität 1" / "0.png").read_bytes())
    (data / "identität 2" / "conflict.png").write_bytes((data / "identität 3" / "0.png").read_bytes())
    examples, counts, reasons = run(data, tmp_path / "out")
    assert reasons == {
        "identität 1/copy.png": "exact duplicate of identität 1/0.png",
        "identität 2/conflict.png": "label conflict: also identität 3/0.png",
        "identität 3/0.png": "label conflict: also identität 2/conflict.png",
    }
    assert (counts["duplicates"], counts["conflicts"], counts["unreadable"]) == (1, 2, 0)
    kept = [text(example, features.IMAGE_ID) for split in SPLITS for example in read(examples, split)]
    assert len(kept) == 35
    assert not set(kept) & set(reasons)


def test_unreadable_files_are_set_aside_until_they_are_too_many(data, tmp_path):
    (data / "identität 0" / "Thumbs.db").write_bytes(b"x")
    (data / "identität 0" / "empty.png").write_bytes(b"")
    (data / "identität 0" / "page.png").write_bytes(b"<html>")
    _, counts, reasons = run(data, tmp_path / "out")
    assert counts["unreadable"] == 2
    assert counts["stray"] == 1
    assert reasons["identität 0/empty.png"] == "empty file"
    with pytest.raises(RejectedData, match="2 of 38 images") as caught:
        run(data, tmp_path / "again", max_quarantined=0.05)
    assert caught.value.code == "data-too-many-unusable"
    assert caught.value.counts["unreadable"] == 2
    assert (tmp_path / "again" / "report" / "quarantine.csv").exists()


def test_too_few_identities_are_the_users_error(tmp_path):
    for identity in range(3):
        save(tmp_path / "data" / str(identity) / "0.png", identity)
    with pytest.raises(RejectedData) as caught:
        run(tmp_path / "data", tmp_path / "out")
    assert caught.value.code == "data-too-few-identities"


def test_a_manifest_sets_identities_and_splits(data, tmp_path):
    lines = ["path,identity,split,impostor_of"]
    for path in sorted(data.glob("*/*.png")):
        who = int(path.parent.name.split()[1])
        split = SPLITS[who % 3]
        forged = path.name == "2.png"
        whom = f",{split},person {who}" if forged else f"person {who},{split},"
        lines.append(f"{path.relative_to(data)},{whom}")
    (data / "list.csv").write_text("\n".join([*lines, "gone.png,person 1,,"]), encoding="utf-8")
    examples, counts, reasons = run(data / "list.csv", tmp_path / "out")
    assert reasons == {"gone.png": "missing: no such file"}
    assert (counts["images"], counts["identities"], counts["forgeries"]) == (36, 12, 12)
    for number, split in enumerate(SPLITS):
        found = read(examples, split)
        forgeries = [example for example in found if text(example, features.IMPOSTOR_OF)]
        genuine = {text(example, features.IDENTITY) for example in found} - {
            text(example, features.IDENTITY) for example in forgeries
        }
        assert genuine == {f"person {who}" for who in range(12) if who % 3 == number}
        assert {text(example, features.IMPOSTOR_OF) for example in forgeries} == genuine
        assert len({text(example, features.IDENTITY) for example in forgeries}) == len(forgeries) == 4


def test_images_of_a_list_of_pairs_go_to_its_split_with_all_of_their_identity(data, tmp_path):
    listed = tmp_path / "pairs.csv"
    names = ["identität 3/0.png", "identität 3/1.png", "identität 4/0.png"]
    listed.write_text(f"image_a,image_b,same\n{names[0]},{names[1]},1\n{names[0]},{names[2]},0\n", encoding="utf-8")
    examples, _, _ = run(data, tmp_path / "out", protocol=json.dumps({"test": str(listed)}))
    tested = {text(example, features.IDENTITY) for example in read(examples, "test")}
    assert {"identität 3", "identität 4"} <= tested
    listed.write_text("image_a,image_b,same\nidentität 33/0.png,identität 4/1.png,0\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"pairs.csv line 2: no image 'identität 33/0.png'") as caught:
        run(data, tmp_path / "again", protocol=json.dumps({"test": str(listed)}))
    assert caught.value.code == "data-pair-list"


def test_folders_of_splits_are_given_splits_and_identities_keep_their_names(data, tmp_path):
    root = tmp_path / "kaggle"
    for identity in range(12):
        for image in range(3, 7):
            save(data / f"identität {identity}" / f"{image}.png", 100 * identity + image)
    for path in sorted(data.glob("*/*.png")):
        target = root / ("Test" if path.stem in "23" else "train") / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    with pytest.raises(UserError, match=r"12 identities .* in train and test; .*data.split.by: image") as caught:
        run(root, tmp_path / "refused")
    assert caught.value.code == "data-split-conflict"
    assert "train = train; test = Test; val taken out of train" in caught.value.message
    by_image = SplitSettings(by="image", train=0.5, val=0.4, test=0.1)
    examples, counts, _ = run(root, tmp_path / "out", split=by_image)
    assert (counts["images"], counts["identities"]) == (84, 12)
    assert counts["notes"][0].startswith("folders of the images taken as given splits: train = train; test = Test")
    ids = {split: [text(one, features.IMAGE_ID) for one in read(examples, split)] for split in SPLITS}
    assert sorted(ids["test"]) == sorted(str(path.relative_to(root)) for path in root.glob("Test/*/*.png"))
    assert all(name.startswith("train/") for name in ids["train"] + ids["val"])
    assert len(ids["val"]) > 3
    assert {text(one, features.IDENTITY) for one in read(examples, "test")} == {f"identität {n}" for n in range(12)}


def test_identities_without_an_image_are_named(data, tmp_path):
    for path in sorted((data / "identität 3").iterdir()):
        path.rename(path.with_suffix(".heic"))
    for path in sorted((data / "identität 4").iterdir()):
        path.unlink()
        path.symlink_to("gone")
    (data / "identität 5" / "notes.txt").write_text("none")
    for path in (data / "identität 3").iterdir():
        path.write_bytes(b"\0\0\0\x18ftypheix" + bytes(40))
    _, counts, _ = run(data, tmp_path / "out", max_quarantined=0.5)
    assert counts["identities_lost"] == ["identität 3", "identität 4"]
    assert (counts["identities"], counts["unreadable"], counts["images_read"]) == (10, 6, 36)
    with pytest.raises(RejectedData, match="2 identities lose all their images: identität 3, identität 4") as caught:
        run(data, tmp_path / "again")
    assert caught.value.code == "data-too-many-unusable"


def test_near_duplicates_are_reported_and_on_request_go_to_one_split(data, tmp_path):
    smooth = np.kron(np.random.default_rng(5).integers(60, 180, (3, 3)), np.ones((4, 4))).astype(np.uint8)
    for identity in range(12):
        Image.fromarray(smooth + np.uint8(identity)).save(data / f"identität {identity}" / "logo.png")
    examples, counts, _ = run(data, tmp_path / "out")
    assert counts["near_duplicates"]["across_identities"] >= 11
    assert counts["near_duplicates"]["across_splits"] > 0
    assert "logo.png" in (tmp_path / "out" / "report" / "near_duplicates.csv").read_text(encoding="utf-8")
    assert all(read(examples, split) for split in SPLITS)
    with pytest.raises(RejectedData) as caught:  # all twelve are one cluster now
        run(data, tmp_path / "again", near_duplicates="together")
    assert caught.value.code == "data-too-few-identities"
    for identity in range(2, 12):
        (data / f"identität {identity}" / "logo.png").unlink()
    examples, counts, _ = run(data, tmp_path / "third", near_duplicates="together", seed=3)
    assert counts["near_duplicates"] == {"pairs": 1, "across_identities": 1, "across_splits": 0}
    split_of = {text(one, features.IDENTITY): split for split in SPLITS for one in read(examples, split)}
    assert split_of["identität 0"] == split_of["identität 1"]
    assert sum(len(read(examples, split)) for split in SPLITS) == counts["images"] == 38


def test_increments_are_read_with_a_sample_of_the_one_before(data, tmp_path):
    for number, image in enumerate("012"):
        for path in data.glob(f"*/{image}.png"):
            target = tmp_path / f"day-{number}" / path.parent.name / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
    pattern = tmp_path / "day-{SPAN}"
    examples, counts, _ = run(pattern, tmp_path / "out", spans=2, drift_sample=5)
    assert counts["spans"] == [1, 2]
    assert counts["previous"] == {"span": 0, "images": 5}
    assert counts["images"] == 24
    assert json.loads(examples.split_names) == [*SPLITS, features.PREVIOUS]
    before = read(examples, features.PREVIOUS)
    assert len(before) == 5
    assert {example.features.feature[features.SPAN].int64_list.value[0] for example in before} == {0}
    new = [example for split in SPLITS for example in read(examples, split)]
    assert {text(example, features.IMAGE_ID).partition("/")[0] for example in new} == {"1", "2"}
    split_of = {}
    for split in SPLITS:
        for example in read(examples, split):
            assert split_of.setdefault(text(example, features.IDENTITY), split) == split, "over increments too"
    again, counts, _ = run(pattern, tmp_path / "alone", spans=3)
    assert json.loads(again.split_names) == list(SPLITS)
    assert "previous" not in counts


def test_a_chunk_written_again_replaces_itself(data, tmp_path):
    source = FolderSource(open_folder(str(data)), "identity")
    found = source.list().found
    folders = [str(tmp_path / name) for name in ("out", "rows")]
    write = transforms.WriteImages(source, *folders, IngestSettings(split=SPLIT), IMAGE, seed=2)
    written = []
    for _ in range(2):
        with TestPipeline() as pipeline:
            _ = pipeline | beam.Create([transforms.packed(chunk) for chunk in transforms.chunked(found, 7)]) | write
        assert [row.image_id for row in image_records.read_rows(folders[1])] == [one.image_id for one in found]
        written.append(contents(tmp_path / "out"))
    assert written[0] == written[1]


def test_a_failed_chunk_leaves_no_file_in_a_split(tmp_path):
    def fail() -> None:
        with image_records.chunk_writer(str(tmp_path), 0, 1) as write:
            write("train", b"record")
            raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        fail()
    assert contents(tmp_path) == {}


def test_component_gives_examples_and_report(data):
    component = ImageExampleGen(**parameters(data))
    assert component.outputs["examples"].type is standard_artifacts.Examples
    assert component.outputs["report"].type is IngestReport
