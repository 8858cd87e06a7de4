"""TFX's Tuner and Trainer themselves, on a handful of images."""

import json
import logging
import shutil

import numpy as np
import pytest
import tensorflow as tf
from pair_parts import declare_images
from tfx.components.trainer.executor import GenericExecutor as Trainer
from tfx.components.tuner.executor import Executor as Tuner
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.proto import trainer_pb2
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import json_utils, proto_utils
from tiny_model import GREY, patterns

from models.data import features
from models.errors import UserError
from models.export.manifest import ModelManifest
from models.settings import ModelSettings
from models.settings.tuner import TunerSettings

RECIPE = ModelSettings.model_validate(
    {
        "image": GREY.model_dump(),
        "encoder": {"filters": [4], "embedding": 4, "dropout": 0},
        "training": {"epochs": 2, "steps_per_epoch": 2, "batch": {"identities": 4}},
    }
)
SPACE = {"margin": [0.7, 1.1, 1.5], "learning_rate": [0.001], "embedding": [6], "dropout": None, "augmentation": None}


def example(**values) -> bytes:
    made = tf.train.Example()
    for key, value in values.items():
        feature = made.features.feature[key]
        (feature.bytes_list if isinstance(value, bytes) else feature.int64_list).value.append(value)
    return made.SerializeToString()


def write(path, records):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)


@pytest.fixture(scope="module")
def given(tmp_path_factory, transform_of):
    """The inputs of both: four identities with four images each, in two splits, and the normalisation."""
    folder = tmp_path_factory.mktemp("pairs")
    pixels = patterns(4, GREY).astype(int)
    for number, split in enumerate((features.TRAIN, features.VAL)):
        noise = np.random.default_rng(number).integers(-40, 40, (16, *pixels.shape[1:]))
        shown = np.clip(pixels[np.arange(16) // 4] + noise, 0, 255).astype(np.uint8)
        images = [
            example(
                **{
                    features.IMAGE_ID: b"%d" % n,
                    features.PIXELS: shown[n].tobytes(),
                    features.IDENTITY: b"%d" % (n // 4),
                    features.GROUP: b"",
                    features.IMPOSTOR_OF: b"",
                    features.IMAGE_DIGEST: b"%d" % n,
                }
            )
            for n in range(16)
        ]
        pairs = [
            example(
                **{
                    features.side(features.IMAGE_ID, "a"): b"%d" % a,
                    features.side(features.IMAGE_ID, "b"): b"%d" % b,
                    features.SAME: int(a // 4 == b // 4),
                }
            )
            for a in range(16)
            for b in range(a)
        ]
        write(folder / "images" / split / "images-0", images)
        write(folder / f"Split-{split}" / "pairs-0", pairs)
    declare_images(folder, "train", "val")
    examples, graph = standard_artifacts.Examples(), standard_artifacts.TransformGraph()
    examples.uri, examples.split_names = str(folder), artifact_utils.encode_split_names(["train", "val"])
    graph.uri = str(transform_of(GREY).transform_savedmodel_dir).rpartition("/")[0]
    return {"examples": [examples], "transform_graph": [graph]}


def properties(checkpoints, **custom) -> dict:
    return {
        "train_args": proto_utils.proto_to_json(trainer_pb2.TrainArgs(splits=[features.TRAIN])),
        "eval_args": proto_utils.proto_to_json(trainer_pb2.EvalArgs(splits=[features.VAL])),
        "custom_config": json_utils.dumps(
            {
                "model": RECIPE.model_dump(mode="json"),
                "split": {"by": "image", "seed": 0},
                "config_digest": "config",
                "code_digest": "code",
                "checkpoints": checkpoints and str(checkpoints),
                **custom,
            }
        ),
    }


def tuned(given, folder, checkpoints, **tuner) -> dict:
    """What the Tuner's artifacts, as TFX makes them."""
    made = {
        "best_hyperparameters": standard_artifacts.HyperParameters(),
        "tuner_results": standard_artifacts.TunerResults(),
    }
    for key, artifact in made.items():
        shutil.rmtree(folder / key, ignore_errors=True)
        (folder / key).mkdir(parents=True)
        artifact.uri = str(folder / key)
    settings = TunerSettings(**{"trials": 3, "epochs": 1, **SPACE, **tuner})
    asked = properties(checkpoints, tuner=settings.model_dump(mode="json")) | {
        "tuner_fn": "models.training.tuner.tuner_fn"
    }
    context = BaseExecutor.Context(tmp_dir=str(folder / "tmp"), unique_id="1")
    Tuner(context).Do(given, {key: [artifact] for key, artifact in made.items()}, asked)
    return made


def trained(given, folder, checkpoints, **custom) -> ModelManifest:
    """The Trainer's output about its model."""
    model, model_run = standard_artifacts.Model(), standard_artifacts.ModelRun()
    model.uri, model_run.uri = str(folder / "model"), str(folder / "model_run")
    (folder / "model_run").mkdir(parents=True)
    asked = properties(checkpoints, **custom) | {"run_fn": "models.training.trainer.run_fn"}
    context = BaseExecutor.Context(tmp_dir=str(folder / "tmp"), unique_id="2")
    Trainer(context).Do(given, {"model": [model], "model_run": [model_run]}, asked)
    return ModelManifest.read(folder / "model" / "Format-Serving")


class Stopped(logging.Handler):
    """Presses Ctrl-C when a line is logged."""

    def __init__(self, line: str) -> None:
        super().__init__()
        self.line = line

    def emit(self, record):
        if record.getMessage().startswith(self.line):
            raise KeyboardInterrupt


def test_a_stopped_search_goes_on_and_its_best_is_what_the_trainer_trains(given, tmp_path, caplog):
    progress = logging.getLogger("siamese.progress")
    caplog.set_level(logging.INFO, progress.name)
    stopped = Stopped("trial 2/3")
    progress.addHandler(stopped)
    try:
        with pytest.raises(KeyboardInterrupt):
            tuned(given, tmp_path, tmp_path / "kept")
    finally:
        progress.removeHandler(stopped)
    caplog.clear()
    made = tuned(given, tmp_path, tmp_path / "kept")

    begun = [line for line in caplog.messages if line.startswith("trial ")]
    assert [line[:9] for line in begun] == ["trial 2/3", "trial 3/3"]
    results = json.loads((tmp_path / "tuner_results" / "tuner_results.json").read_text())
    assert sorted(trial["margin"] for trial in results) == [0.7, 1.1, 1.5]
    best = max(results, key=lambda trial: trial["score"])

    assert not list((tmp_path / "kept").rglob("augmented.png"))  # the Trainer draws one

    manifest = trained({**given, "hyperparameters": [made["best_hyperparameters"]]}, tmp_path, tmp_path / "kept")
    assert manifest.tuned == {"margin": best["margin"], "learning_rate": 0.001, "embedding": 6}
    assert (manifest.embedding, type(manifest.tuned["embedding"])) == (6, int)


def test_another_space_is_another_search_and_more_trials_are_not(given, tmp_path, caplog):
    caplog.set_level(logging.INFO, "siamese.progress")
    tuned(given, tmp_path, tmp_path / "kept", trials=1)
    caplog.clear()
    tuned(given, tmp_path, tmp_path / "kept", trials=2)
    assert "continues after 1 of 2 trials" in caplog.messages
    tuned(given, tmp_path, tmp_path / "kept", trials=1, embedding=[5])
    assert len(list((tmp_path / "kept").iterdir())) == 2


def test_trials_are_of_one_host(given, tmp_path, monkeypatch):
    cluster = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster))
    with pytest.raises(UserError) as raised:
        tuned(given, tmp_path, None)
    assert raised.value.code == "train-tuner-hosts"


def test_without_a_folder_that_outlives_the_run_it_searches_in_a_passing_one(given, tmp_path):
    made = tuned(given, tmp_path, None, trials=1)
    assert json.loads((tmp_path / "best_hyperparameters" / "best_hyperparameters.txt").read_text())["values"]
    assert list(made) == ["best_hyperparameters", "tuner_results"]


def test_a_training_is_kept_until_it_is_exported(given, tmp_path, caplog, monkeypatch):
    """The disk is full when the model is written; then there is room, and another aim of the calibration."""

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as then:
        then.setattr("models.export.saved_model.ServedModel.save", full)
        with pytest.raises(OSError, match="No space left"):
            trained(given, tmp_path / "first", tmp_path / "kept")
    assert list((tmp_path / "kept").iterdir())

    caplog.set_level(logging.INFO, "siamese.progress")
    caplog.clear()  # of what another test may have switched on
    aim = RECIPE.model_dump(mode="json") | {"calibration": {"objective": "best_f1"}}
    exported = trained(given, tmp_path / "second", tmp_path / "kept", model=aim)
    assert "continues after its last epoch: no step is left to take" in caplog.messages
    assert not [line for line in caplog.messages if line.startswith("epoch ")]
    assert exported.calibration.objective == "best_f1"
    assert not list((tmp_path / "kept").iterdir())

    unbroken = trained(given, tmp_path / "unbroken", None, model=aim)
    assert (exported.threshold, exported.slope) == pytest.approx((unbroken.threshold, unbroken.slope), rel=1e-3)
