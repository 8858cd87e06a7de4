"""The real pipeline, several times on one output folder, on real digits: what is pushed, what is refused, what stops.

The runs are made once, in this process (TFX takes long to import), and shared by all tests.
"""

import csv
import io
import json
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from typer.testing import CliRunner

from components.gates.model_gate.settings import MeasureSettings
from components.serving_folder.serving_folder import versions
from pipeline.cli import main
from pipeline.runners.local.images import write_digits

pytestmark = pytest.mark.e2e

PER_DIGIT = 60
DIGITS_CONFIG = Path(main.__file__).parents[2] / "configs" / "digits.yaml"
# Small, so that a run takes seconds; floors between an untrained and a shortly trained model, the same for all.
SETTINGS = (
    "encoder.filters=[16, 32]",
    "encoder.embedding=32",
    "loss.form=pairs",
    "loss.margin=1.0",
    "gates={floors: {accuracy: 0.78, precision: 0.7}, max_drop: {accuracy: 0.005}}",
)
SHORT, LONG, UNTRAINED = "training.epochs=2", "training.epochs=9", "training.epochs=0"
FLIPPED = "training.epochs=8"
THREADS = "beam.args=[--direct_num_workers=2, --direct_running_mode=multi_threading]"
EVALUATING = (
    "Evaluator",
    "PairScores",
    "ModelGate",
    "ServingValidator",
    "ModelCard",
    "Pusher",
    "Outcome",
    "RunReport",
)
NODES = {
    *("ImageExampleGen", "SchemaSource", "StatisticsGen", "ExampleValidator", "AnomalyGate", "PairGenerator"),
    *("Transform", "Trainer", "Baseline", *EVALUATING),
}


@dataclass(frozen=True)
class Run:
    """One run of the command: its exit code, its summary, and the versions in serving after it."""

    code: int
    summary: dict[str, Any]
    versions: list[int]

    @property
    def refused_by(self) -> set[str]:
        return {gate["name"] for gate in self.summary["gates"] if not gate["passed"]}

    def measured(self, name: str) -> float:
        return self.summary["metrics"][name]["value"]


def arguments(data: Path, output: Path, *changes: str) -> list[str]:
    sets = [part for change in (*SETTINGS, *changes) for part in ("--set", change)]
    return ["run", "--config", str(DIGITS_CONFIG), "--data", str(data), "--output", str(output), *sets]


def siamese(data: Path, output: Path, *changes: str) -> Run:
    with (
        mock.patch.object(sys, "argv", ["siamese", *arguments(data, output, *changes)]),
        pytest.raises(SystemExit) as e,
    ):
        main.main()
    summary = json.loads((output / "runs" / "latest" / "summary.json").read_text())
    return Run(e.value.code, summary, versions(output / "serving"))


def command(*given: object) -> str:
    """The standard output of a command that must succeed."""
    result = CliRunner().invoke(main.app, [str(argument) for argument in given])
    assert result.exit_code == 0, (result.output, result.exception)
    return result.stdout


def flipped(*splits: str) -> Any:
    """Makes the Trainer read the labels of these splits the wrong way round."""
    from models.data import dataset

    read_pairs = dataset.read_pairs

    def read(files: list[str], images: dataset.ImageTable) -> dataset.PairTable:
        pairs = read_pairs(files, images)
        turn = Path(files[0]).parent.name.removeprefix("Split-") in splits
        return dataset.PairTable(pairs.a, pairs.b, 1 - pairs.same) if turn else pairs

    return mock.patch.object(dataset, "read_pairs", read)  # TFX imports models.training.trainer again, and with it this


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Digits, a cut file among them, a file that is no image, and someone with a single image."""
    base = tmp_path_factory.mktemp("digits")
    folder = base / "data"
    for digit in sorted(write_digits(base / "all").iterdir()):
        for path in sorted(digit.iterdir())[:PER_DIGIT]:
            target = folder / digit.name / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    whole = next((folder / "3").iterdir()).read_bytes()
    (folder / "3" / "cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "8" / "notes.txt").write_text("no image")
    from PIL import Image

    (folder / "alone").mkdir()
    with Image.open(next((folder / "4").iterdir())) as image:
        image.transpose(Image.Transpose.TRANSPOSE).save(folder / "alone" / "1.png")
    return folder


@pytest.fixture(scope="module")
def output(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("output") / "out"


@pytest.fixture(scope="module")
def story(data, output) -> dict[str, Run]:
    """The runs on one output folder, in their order."""
    from components.schema_source.image_schema import as_text, image_schema
    from models.data import features
    from models.settings import ImageSettings

    runs = {"first": siamese(data, output, SHORT)}
    runs["untrained"] = siamese(data, output, UNTRAINED)
    with flipped("train"):
        runs["flipped"] = siamese(data, output, FLIPPED)
    runs["longer"] = siamese(data, output, LONG)
    runs["again"] = siamese(data, output, LONG)
    runs["nothing new"] = siamese(data, output, LONG, "data.min_new_images=1")
    schema = image_schema(ImageSettings(height=8, width=8))
    next(one for one in schema.feature if one.name == features.BRIGHTNESS).float_domain.max = 0.01
    reviewed = output.parent / "reviewed.pbtxt"
    reviewed.write_text(as_text(schema))
    runs["anomaly"] = siamese(data, output, LONG, f"data.schema_file={reviewed}")
    return runs


@pytest.fixture(scope="module")
def elsewhere(data, tmp_path_factory) -> tuple[Path, Run]:
    """A run of the same seed in another folder, with every label that the Trainer reads flipped."""
    folder = tmp_path_factory.mktemp("elsewhere") / "out"
    with flipped("train", "val"):
        return folder, siamese(data, folder, FLIPPED)


@dataclass(frozen=True)
class Resumed:
    """A run killed while it trained, and the same command again; Beam with two threads."""

    output: Path
    returncode: int
    visible: list[str]
    summaries: list[Path]
    run: Run


@pytest.fixture(scope="module")
def resumed(data, tmp_path_factory) -> Resumed:
    folder = tmp_path_factory.mktemp("killed") / "out"
    call = [sys.executable, "-m", "pipeline", *arguments(data, folder, LONG, THREADS)]
    with subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        for line in process.stdout:
            if "epoch 1/" in line:
                process.send_signal(signal.SIGKILL)
                break
        process.wait()
    visible = [path.name for path in (folder / "serving").glob("*")]
    summaries = list((folder / "runs").glob("*/summary.json"))
    return Resumed(folder, process.returncode, visible, summaries, siamese(data, folder, LONG, THREADS))


def shards(output: Path) -> dict[str, bytes]:
    """What PairGenerator wrote, by path within its one artifact."""
    (artifact,) = (output / "artifacts" / "PairGenerator" / "pairs").iterdir()
    return {path.relative_to(artifact).as_posix(): path.read_bytes() for path in artifact.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def test_pairs(story, output) -> list[bytes]:
    import tensorflow as tf

    found = (output / "artifacts" / "PairGenerator" / "pairs").glob("*/Split-test/*")
    return list(tf.data.TFRecordDataset(sorted(map(str, found))).as_numpy_iterator())


@pytest.fixture(scope="module")
def named(test_pairs) -> list[tuple[str, str, int, str]]:
    """(path a, path b, same, kind) of the test pairs."""
    import tensorflow as tf

    from models.data import features

    rows = []
    for record in test_pairs:
        feature = tf.train.Example.FromString(record).features.feature
        a, b = (feature[features.side(features.IMAGE_ID, s)].bytes_list.value[0].decode() for s in features.SIDES)
        kind = feature[features.KIND].bytes_list.value[0].decode()
        rows.append((a, b, feature[features.SAME].int64_list.value[0], kind))
    return rows


class TestAFirstModel:
    def test_is_blessed_and_pushed(self, story):
        first = story["first"]
        assert first.code == 0
        assert first.summary["status"] == "pushed"
        assert first.refused_by == set()
        assert first.versions == [first.summary["pushed_version"]]
        assert not first.summary["already_serving"]

    def test_leaves_a_complete_summary(self, story):
        summary = story["first"].summary
        assert {gate["name"] for gate in summary["gates"]} == {
            *("anomalies", "floors", "pairs", "finite", "collapse", "polarity", "pixels", "baseline"),
            *("slices by kind", "serving"),
        }
        assert all(gate["reason"] for gate in summary["gates"])
        assert summary["metrics"].keys() == set(MeasureSettings().names)
        for name in ("accuracy", "precision", "recall", "f1", "auc", "average_precision"):
            assert 0.6 < summary["metrics"][name]["value"] <= 1
        for metric in summary["metrics"].values():
            assert 0 <= metric["low"] <= metric["value"] <= metric["high"] <= 1
        assert {"kind: genuine", "kind: impostor_random"} <= summary["slices"].keys()
        assert any(name.startswith("quality: ") for name in summary["slices"])
        assert (summary["baseline_metrics"], summary["gains"]) == ({}, {})
        assert summary["baseline"]["status"] == "none"
        assert summary["timings"].keys() == NODES
        assert summary["peak_memory_mb"].keys() <= NODES | {"load TFX"}
        assert 0 < summary["threshold"] < 2
        one_after_the_other = {node: took for node, took in summary["timings"].items() if node != "ServingValidator"}
        assert sum(one_after_the_other.values()) <= summary["seconds"]
        assert summary["cached"] == []
        assert summary["config"]["training"]["epochs"] == 2
        assert summary["versions"].keys() >= {"python", "tfx", "tensorflow", "siamese-pipeline"}
        assert summary["error"] is None
        assert summary["failed_component"] is None
        assert len(summary["config_digest"]) == 64

    def test_counts_what_went_into_it(self, story):
        images, pairs = (story["first"].summary["counts"][name] for name in ("images", "pairs"))
        kept = 10 * PER_DIGIT + 1
        assert (images["images"], images["images_read"], images["identities"]) == (kept, kept + 1, 11)
        assert (images["quarantined"], images["unreadable"], images["stray"]) == (2, 1, 1)
        assert images["reasons"] == {"truncated": 1, "not an image file": 1}
        assert sum(split["images"] for split in images["splits"].values()) == kept
        assert pairs["splits"].keys() == {"train", "val", "test"}
        limits = []
        for split in pairs["splits"].values():
            assert split["kinds"]["genuine"] * 2 == split["pairs"] > 0
            limits += [limit["names"] for limit in split["limited"] if limit["reason"].startswith("one image only")]
        assert limits == [["alone"]]

    def test_lists_what_was_set_aside(self, story, output):
        (listing,) = (output / "artifacts" / "ImageExampleGen" / "report").glob("*/quarantine.csv")
        reasons = {row["path"]: row["reason"] for row in csv.DictReader(io.StringIO(listing.read_text()))}
        assert reasons.keys() == {"3/cut.png", "8/notes.txt"}
        assert reasons["3/cut.png"] == "truncated"

    def test_the_quarantined_file_is_in_no_pair(self, named):
        used = {path for a, b, *_ in named for path in (a, b)}
        assert used
        assert "3/cut.png" not in used


class TestWhatIsNoBetter:
    @pytest.mark.parametrize("crippled", ["untrained", "flipped"])
    def test_is_refused_and_what_served_still_serves(self, story, crippled):
        run = story[crippled]
        assert run.code == 3
        assert run.summary["status"] == "refused"
        assert run.summary["pushed_version"] is None
        assert run.versions == story["first"].versions
        assert run.refused_by >= {"floors", "baseline accuracy"}
        reason = next(gate["reason"] for gate in run.summary["gates"] if gate["name"] == "floors")
        assert f"accuracy {run.measured('accuracy'):.4f} is below the floor 0.78" in reason
        assert run.summary["timings"].keys() == NODES

    def test_labels_flipped_in_training_are_worse_than_no_training(self, story):
        assert story["flipped"].measured("auc") < story["untrained"].measured("auc")
        assert story["longer"].measured("auc") > 0.9  # the same recipe, the labels the right way round

    def test_labels_flipped_throughout_the_training_are_refused_without_a_baseline_too(self, elsewhere):
        folder, run = elsewhere
        assert run.code == 3
        assert "floors" in run.refused_by
        assert run.measured("accuracy") < 0.6  # chance is one half
        assert run.versions == []
        assert not list((folder / "serving").glob("[0-9]*"))

    def test_was_measured_beside_the_served_model_on_the_same_pairs(self, story):
        for name in ("untrained", "flipped", "longer"):
            summary = story[name].summary
            assert summary["baseline"]["version"] == story["first"].summary["pushed_version"]
            gain = summary["gains"]["accuracy"]
            assert gain["low"] <= gain["value"] <= gain["high"]
            measured = story[name].measured("accuracy") - story["first"].measured("accuracy")
            assert gain["value"] == pytest.approx(measured, abs=1e-6)
            baseline = story[name].summary["baseline_metrics"]
            assert baseline.keys() == story["first"].summary["metrics"].keys()
            for metric, value in baseline.items():
                assert value["value"] == pytest.approx(story["first"].measured(metric), abs=1e-6)


class TestABetterModel:
    def test_is_pushed_as_a_higher_version(self, story):
        longer = story["longer"]
        assert (longer.code, longer.summary["status"]) == (0, "pushed")
        (former,) = story["first"].versions
        assert longer.versions == [former, longer.summary["pushed_version"]]
        assert longer.summary["pushed_version"] > former

    def test_is_better_by_training_alone(self, story):
        first, longer = story["first"], story["longer"]
        assert longer.measured("accuracy") > first.measured("accuracy")
        differing = {
            section for section, value in longer.summary["config"].items() if value != first.summary["config"][section]
        }
        assert differing == {"training"}
        assert NODES - set(longer.summary["cached"]) == {"Trainer", *EVALUATING}

    def test_the_identical_one_already_serves(self, story):
        again, longer = story["again"], story["longer"]
        assert again.code == 0
        assert again.summary["status"] == "pushed"
        assert again.summary["already_serving"]
        assert again.summary["pushed_version"] == longer.summary["pushed_version"]
        assert again.versions == longer.versions
        assert again.summary["same_as"] == longer.summary["run_id"]
        assert set(again.summary["cached"]) == NODES
        assert again.summary["metrics"] == longer.summary["metrics"]


class TestAnAnomaly:
    def test_stops_the_run_before_pairs_are_made(self, story):
        run = story["anomaly"]
        assert (run.code, run.summary["status"]) == (2, "failed")
        assert run.summary["failed_component"] == "AnomalyGate"
        assert run.summary["timings"].keys() & NODES == NODES - {
            *("PairGenerator", "Transform", "Trainer", *EVALUATING)
        }
        assert run.versions == story["again"].versions

    def test_is_reported_in_one_line(self, story):
        error = story["anomaly"].summary["error"]
        assert error.startswith("the data does not match the schema: split ")
        assert "brightness" in error
        assert "\n" not in error


class TestARunOnNothingNew:
    def test_is_skipped_and_is_no_failure(self, story):
        run, served = story["nothing new"], story["longer"].summary["pushed_version"]
        assert (run.code, run.summary["status"], run.summary["error"]) == (0, "skipped", None)
        assert run.summary["failed_component"] is None
        assert run.summary["skipped"] == f"0 new images since version {served}, 1 required: what serves still serves"
        assert run.versions == story["again"].versions

    def test_ends_before_the_training(self, story):
        assert story["nothing new"].summary["timings"].keys() == {
            *("ImageExampleGen", "SchemaSource", "StatisticsGen", "ExampleValidator", "AnomalyGate", "Baseline"),
            "NewData",
        }


def test_the_link_leads_to_the_latest_run(story, output):
    assert (output / "runs" / "latest").resolve().name == story["anomaly"].summary["run_id"]
    assert len({run.summary["run_id"] for run in story.values()}) == len(story)


@pytest.mark.parametrize(("name", "shown"), [("first", True), ("again", True), ("anomaly", False)])
def test_a_run_that_has_a_model_shows_what_its_training_was_fed(story, output, name, shown):
    assert (output / "runs" / story[name].summary["run_id"] / "augmented.png").is_file() == shown


@pytest.mark.parametrize("name", ["first", "again", "anomaly"])
def test_every_run_has_a_page_and_the_graph_drew_it_where_it_came_to_its_end(story, output, name):
    run = story[name].summary
    page = (output / "runs" / run["run_id"] / "report.html").read_text()
    assert f"run {run['run_id']}</title>" in page
    (drawn,) = re.findall(r"<!--times-->(.*?)<!--/times-->", page, re.DOTALL)
    assert "Time and memory" in drawn  # what the graph's last node cannot know
    pages = [path.read_text() for path in (output / "artifacts" / "RunReport").rglob("report.html")]
    same = [one for one in pages if f"run {run['run_id']}," in one]
    assert len(same) == (name == "first")  # the one of "again" is that of the run whose results it has
    assert all("Time and memory" not in one for one in same)


def test_the_card_lies_beside_the_pushed_model_and_in_the_runs_folder(story, output):
    run = story["first"].summary
    card = (output / "runs" / run["run_id"] / "model_card.md").read_text()
    assert (output / "serving" / str(run["pushed_version"]) / "assets.extra" / "model_card.md").read_text() == card
    assert f"| accuracy | {run['metrics']['accuracy']['value']:.4f} |" in card


class TestWhereTheDataWillNotDo:
    @pytest.mark.parametrize(
        ("identities", "each", "component", "message"),
        [
            (0, 0, "ImageExampleGen", "it is empty; expected JPEG, PNG"),
            (1, 12, "ImageExampleGen", "too few identities in a split"),
            (12, 1, "ImageExampleGen", "a genuine pair needs two images of one identity"),
        ],
        ids=["no images", "one identity", "one image each"],
    )
    def test_the_run_stops_with_one_line(self, data, story, tmp_path, identities, each, component, message):
        folder = tmp_path / "data"
        folder.mkdir()
        images = [path for digit in sorted(data.glob("[0-9]")) for path in sorted(digit.glob("0*.png"))]
        for number in range(identities * each):
            target = folder / f"p{number % identities}" / f"{number}.png"
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(images[number], target)
        run = siamese(folder, tmp_path / "out", SHORT)
        assert (run.code, run.summary["status"]) == (2, "failed")
        assert run.summary["failed_component"] == component
        assert message in run.summary["error"]
        assert "\n" not in run.summary["error"]
        assert run.versions == []
        assert "Trainer" not in run.summary["timings"]


class TestAKilledRun:
    def test_was_killed_while_it_trained(self, resumed):
        assert resumed.returncode == -signal.SIGKILL
        # Recorded when it began, and closed by the run that followed.
        assert [json.loads(path.read_text())["status"] for path in resumed.summaries] == ["interrupted"]
        assert not [name for name in resumed.visible if not name.startswith(".")]

    def test_ends_pushed_the_second_time(self, resumed):
        assert (resumed.run.code, resumed.run.summary["status"]) == (0, "pushed")
        assert {"ImageExampleGen", "PairGenerator", "Transform"} <= set(resumed.run.summary["cached"])
        assert "Trainer" not in resumed.run.summary["cached"]

    def test_leaves_only_whole_versions(self, resumed, data):
        visible = [path for path in (resumed.output / "serving").iterdir() if not path.name.startswith(".")]
        assert [path.name for path in visible] == [str(resumed.run.summary["pushed_version"])]
        image = next((data / "0").iterdir())
        answer = json.loads(command("compare", "--model", visible[0], image, image, "--json"))
        assert answer["same"] is True


class TestTheSameSeed:
    def test_generates_the_same_pairs_in_another_folder(self, story, output, elsewhere):
        mine, other = shards(output), shards(elsewhere[0])
        assert {name.split("/")[0] for name in mine} == {
            "Split-train",
            "Split-val",
            "Split-test",
            "images",
            "parts.json",
        }
        assert mine == other

    def test_generates_the_same_pairs_with_more_workers(self, story, output, resumed):
        assert resumed.run.summary["config"]["beam"]["args"]
        assert shards(output) == shards(resumed.output)


class TestThePushedModel:
    @pytest.fixture(scope="class")
    def model(self, story, output) -> Path:
        return output / "serving" / str(story["longer"].summary["pushed_version"])

    @pytest.fixture(scope="class")
    def loaded(self, model):
        import tensorflow as tf

        return tf.saved_model.load(str(model))

    @pytest.fixture(scope="class")
    def from_examples(self, loaded, test_pairs) -> dict[str, np.ndarray]:
        """The Evaluator's path."""
        import tensorflow as tf

        return {
            key: value.numpy() for key, value in loaded.signatures["serving_default"](tf.constant(test_pairs)).items()
        }

    def test_scores_raw_bytes_as_the_evaluator_scores_the_same_images(self, data, loaded, from_examples, named):
        import tensorflow as tf

        a, b = ([(data / row[side]).read_bytes() for row in named] for side in (0, 1))
        answer = loaded.signatures["compare"](image_a=tf.constant(a), image_b=tf.constant(b))
        assert np.ptp(from_examples["score"]) > 0.5
        for key in ("score", "distance"):
            np.testing.assert_allclose(answer[key], from_examples[key], rtol=0, atol=1e-5)

    def test_has_the_metrics_of_the_summary(self, story, from_examples, named):
        same = np.array([row[2] for row in named])
        called = from_examples["score"] > 0.5
        longer = story["longer"]
        assert (called == same).mean() == pytest.approx(longer.measured("accuracy"), abs=1e-6)
        assert same[called].mean() == pytest.approx(longer.measured("precision"), abs=1e-6)
        assert called[same == 1].mean() == pytest.approx(longer.measured("recall"), abs=1e-6)
        np.testing.assert_array_equal(called, from_examples["distance"] < longer.summary["threshold"])
        genuine = np.array([row[3] == "genuine" for row in named])
        np.testing.assert_array_equal(genuine, same == 1)

    def test_compares_two_files(self, model, data, output, story):
        one, other = sorted((data / "0").iterdir())[:2]
        image = next((data / "1").iterdir())
        answers = [
            json.loads(command("compare", "--model", output / "serving", one, b, "--json")) for b in (one, image)
        ]
        assert answers[0]["score"] > answers[1]["score"]
        assert answers[0]["threshold"] == pytest.approx(story["longer"].summary["threshold"])
        shown = command("compare", "--model", model, one, other)
        assert "same above 0.5" in shown

    def test_is_evaluated_on_a_list_of_pairs_as_by_the_pipeline(self, model, data, named, story, tmp_path):
        with (tmp_path / "pairs.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("image_a", "image_b", "same"), *(row[:3] for row in named)])
        given = ("--model", model, "--pairs", tmp_path / "pairs.csv", "--root", data)
        answer = json.loads(command("evaluate", *given, "--scores", tmp_path / "scores.csv", "--json"))
        assert answer["pairs"] == len(named)
        assert answer["metrics"]["accuracy"] == pytest.approx(story["longer"].measured("accuracy"), abs=0.01)
        assert answer["metrics"]["auc"] == pytest.approx(story["longer"].measured("auc"), abs=0.01)
        with (tmp_path / "scores.csv").open(newline="") as file:
            scores = list(csv.DictReader(file))
        assert [(row["image_a"], row["image_b"]) for row in scores] == [row[:2] for row in named]
        assert "accuracy" in command("evaluate", *given)

    def test_embeds_a_folder(self, model, data, tmp_path):
        shown = command("embed", "--model", model, "--images", data / "3", "--output", tmp_path / "e.npz")
        with np.load(tmp_path / "e.npz") as content:
            embeddings, paths = content["embeddings"], content["paths"]
        assert embeddings.shape == (PER_DIGIT, 32)
        assert embeddings.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)
        assert "cut.png" not in paths
        assert "1 images skipped" in shown

    def test_every_run_is_listed(self, story, output):
        listed = json.loads(command("runs", "--output", output, "--json"))
        assert [run["run_id"] for run in listed] == [run.summary["run_id"] for run in story.values()]
        assert [run["exit_code"] for run in listed] == [0, 3, 3, 0, 0, 0, 2]
        assert "already serving" in command("runs", "--output", output)
