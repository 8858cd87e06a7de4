import hashlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import channel_utils, standard_artifacts
from tiny_model import png

from components.artifact_types import PairReport
from components.pair_generator import executor as module
from components.pair_generator.component import PairGenerator
from components.pair_generator.executor import Executor
from components.pair_generator.settings import PairSettings
from models.data.pairs_artifact import PROPERTY, check_images, split_files
from models.errors import UserError
from models.export.inference import LoadedModel

RUNNER = (
    "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner",
    "--sdk_container_image=in-process",  # or TFX packs its sources for workers that there are not
)


def generate(
    images: Path, output: Path, *args: str, seed: int = 1, served: Path | None = None, **settings: Any
) -> Path:
    examples = standard_artifacts.Examples()
    examples.uri = str(images)
    examples.splits = sorted(path.name.removeprefix("Split-") for path in images.iterdir())
    pairs, report = standard_artifacts.Examples(), PairReport()
    pairs.uri, report.uri = str(output / "pairs"), str(output / "report")
    model = standard_artifacts.Model()
    model.uri = str(served)
    Executor(BaseBeamExecutor.Context(beam_pipeline_args=[*RUNNER, *args])).Do(
        {"images": [examples], "baseline_model": [model] if served else []},
        {"pairs": [pairs], "report": [report]},
        {"settings": PairSettings(**settings).model_dump_json(), "seed": seed, "code_digest": ""},
    )
    assert pairs.splits == examples.splits
    declared = [f"images/{split}" for split in examples.splits if split != "test"]
    assert pairs.get_string_custom_property(PROPERTY).split() == declared
    return output


def digests(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_layout_of_the_artifact(write_images, read_examples, splits, tmp_path: Path):
    images = write_images(splits)
    out = generate(images, tmp_path / "out")
    files = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    assert files == [
        "pairs/Split-test/pairs-00000-of-00001.tfrecord",
        "pairs/Split-train/pairs-00000-of-00001.tfrecord",
        "pairs/Split-val/pairs-00000-of-00001.tfrecord",
        *(f"pairs/images/{split}/images-0000{n}-of-00002.tfrecord" for split in ("train", "val") for n in (0, 1)),
        "pairs/parts.json",
        "report/counts.json",
        "report/counts.md",
    ]
    shard = "images-00000-of-00002.tfrecord"
    assert (out / "pairs/images/train" / shard).samefile(images / "Split-train" / shard), "stored once"
    for split in ("train", "val"):
        pattern = str(out / "pairs" / f"Split-{split}" / "*")
        assert len(split_files(pattern)[1]) == 2
        check_images(pattern)
    assert set(read_examples(out / "pairs/Split-train")[0]) == {
        "pair_id", "kind", "same", *(f"{which}_{key}" for which in "ab" for key in ("image_id", "identity", "group")),
    }  # fmt: skip
    test = read_examples(out / "pairs/Split-test")
    assert len(test[0]["a_pixels"]) == 16
    assert {pair["identity_size"] for pair in test} == {b"5-9"}
    assert {pair["group"] for pair in test} == {b"test-g0", b"test-g1", b"across groups"}
    for pair in test:
        assert (pair["group"] == b"across groups") == (pair["a_group"] != pair["b_group"])

    counts = json.loads((out / "report/counts.json").read_text())
    train = counts["splits"]["train"]
    assert (train["pairs_asked"], train["pairs"]) == (192, 192)
    assert train["kinds"] == {"genuine": 96, "impostor_random": 48, "impostor_same_group": 48}
    assert train["images_used"] == train["images"] == 48
    assert "| train | 48 of 48 | 8 of 8 | 192 | 192 | 96 | 48 | 48 |" in (out / "report/counts.md").read_text()


def test_without_groups_no_pair_has_one(write_images, read_examples, splits, tmp_path: Path):
    ungrouped = {split: [(name, identity, "") for name, identity, _ in images] for split, images in splits.items()}
    ungrouped["test"].append(("test/p00/more.png", "test-p00", ""))
    ungrouped["test"] = [image for image in ungrouped["test"] if image[0] not in ("test/p01/0.png", "test/p01/1.png")]
    found = read_examples(generate(write_images(ungrouped), tmp_path / "out") / "pairs/Split-test")
    assert not any("group" in pair for pair in found)
    for pair in found:
        few = b"test-p01" in (pair["a_identity"], pair["b_identity"])
        assert pair["identity_size"] == (b"2-4" if few else b"5-9")


def test_the_same_bytes_again_from_other_shards_another_order_and_other_workers(
    write_images, splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "_RANGE_PAIRS", 50)
    first = digests(generate(write_images(splits), tmp_path / "one") / "pairs")
    again = digests(generate(tmp_path / "images", tmp_path / "two") / "pairs")
    assert first == again
    assert sum("Split-train" in name for name in first) == 4
    other = write_images(splits, "other", shards=3, order=5)
    args = ("--direct_num_workers=2", "--direct_running_mode=multi_threading")
    third = digests(generate(other, tmp_path / "three", *args) / "pairs")
    pairs = {name: digest for name, digest in first.items() if name.startswith("Split-")}
    assert pairs == {name: digest for name, digest in third.items() if name.startswith("Split-")}
    fourth = digests(generate(tmp_path / "images", tmp_path / "four", seed=2) / "pairs")
    assert not set(pairs.values()) & set(fourth.values())


def test_pixels_are_cut_into_files_of_a_bounded_size(
    write_images, splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "_RANGE_BYTES", 10_000)
    out = generate(write_images(splits), tmp_path / "out")
    assert 2 < len(list((out / "pairs/Split-test").iterdir())) < 10


def test_an_identity_with_one_image_is_reported(write_images, splits, tmp_path: Path):
    splits["train"].append(("train/lone/0.png", "lone", ""))
    out = generate(write_images(splits), tmp_path / "out")
    limited = json.loads((out / "report/counts.json").read_text())["splits"]["train"]["limited"]
    reason = "one image only: no genuine pair, used in impostor pairs alone"
    assert limited == [{"reason": reason, "count": 1, "names": ["lone"]}]
    assert f"- train: 1 identities: {reason} (lone)" in (out / "report/counts.md").read_text()


def test_user_errors_arrive_unwrapped_and_leave_nothing_behind(write_images, splits, tmp_path: Path):
    def error_of(name: str, changed: dict[str, list], gz: bool = False) -> tuple[str, str]:
        with pytest.raises(UserError) as error:
            generate(write_images({**splits, **changed}, name, gz=gz), tmp_path / "out")
        assert list((tmp_path / "out" / "pairs").iterdir()) == []
        return error.value.code, str(error.value)

    code, message = error_of("one", {"val": [image for image in splits["val"] if image[1] == "val-p00"]})
    assert code == "data-too-few-identities"
    assert "split val: 1 identity with 4 images" in message
    assert "images-00000-of-00002.tfrecord.gz: compressed" in error_of("gz", {}, gz=True)[1]
    code, message = error_of("crossing", {"test": [*splits["test"], splits["train"][3]]})
    assert code == "data-split-overlap"
    assert "image train/p00/3.png is in both splits test and train (1 such)" in message
    code, message = error_of("twice", {"val": [*splits["val"], splits["val"][0]]})
    assert code == "data-image-repeated"
    assert "val/p00/0.png" in message
    assert error_of("empty", {"val": []})[0] == "data-split-empty"


def test_a_disk_too_small_is_found_before_writing(
    write_images, splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(UserError) as error:
        generate(write_images(splits), tmp_path / "out")
    assert error.value.code == "data-disk-space"


def test_the_settings_are_a_parameter_of_the_component():
    images = channel_utils.as_channel([standard_artifacts.Examples()])
    settings = PairSettings(per_image=2, count={"test": 60})
    component = PairGenerator(images=images, settings=settings, seed=3, code_digest="abc")
    assert PairSettings.model_validate_json(component.exec_properties["settings"]) == settings
    assert component.outputs["report"].type is PairReport


def test_hard_impostors_are_those_nearest_to_the_served_model(
    write_images, read_examples, splits, exported, tmp_path: Path
):
    images = write_images(splits)
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "Format-Serving").symlink_to(exported.path)
    out = generate(images, tmp_path / "out", served=tmp_path / "served", mined=1, forgeries=0)
    pairs = read_examples(out / "pairs/Split-train")
    mined = [pair for pair in pairs if pair["kind"] == b"impostor_mined"]
    assert len(mined) > len(pairs) / 3
    assert not any(pair["kind"] == b"impostor_mined" for pair in read_examples(out / "pairs/Split-test"))

    model = LoadedModel(exported.path)
    folder = images / "Split-train"
    found = {pair["image_id"]: pair for pair in read_examples(folder)}
    ids = sorted(found)
    pixels = [np.frombuffer(found[image_id]["pixels"], np.uint8).reshape(4, 4, 1) for image_id in ids]
    embedding = dict(zip(ids, model.embed(png(image) for image in pixels), strict=True))

    def apart(some: list) -> float:
        return np.mean([np.linalg.norm(embedding[p["a_image_id"]] - embedding[p["b_image_id"]]) for p in some])

    drawn = read_examples(generate(images, tmp_path / "drawn") / "pairs/Split-train")
    assert apart(mined) < 0.7 * apart([pair for pair in drawn if not pair["same"]])


def test_mining_without_a_model_is_reported(write_images, splits, tmp_path: Path):
    out = generate(write_images(splits), tmp_path / "out", mined=0.5)
    assert "- train: nothing mined: no model of this pipeline serves yet" in (out / "report/counts.md").read_text()


def test_a_list_of_pairs_takes_the_place_of_generated_ones(write_images, read_examples, splits, tmp_path: Path):
    listed = tmp_path / "pairs.csv"
    listed.write_text(
        "image_a,image_b,same\ntest/p00/1.png,test/p00/0.png,1\ntest/p01/1.png,test/p00/0.png,0\n", encoding="utf-8"
    )
    out = generate(write_images(splits), tmp_path / "out", protocol={"test": str(listed)})
    pairs = read_examples(out / "pairs/Split-test")
    assert [(pair["a_image_id"], pair["b_image_id"], pair["kind"], pair["same"]) for pair in pairs] == [
        (b"test/p00/0.png", b"test/p00/1.png", b"genuine", 1),
        (b"test/p00/0.png", b"test/p01/1.png", b"impostor_listed", 0),
    ]
    assert len(read_examples(out / "pairs/Split-train")) == 192
