import keras
import numpy as np
import pytest
import tensorflow as tf
from one_training import normalise, split
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata as hparams

from models.data.dataset import ImageTable, PairTable
from models.settings import ModelSettings
from models.training import trainer
from models.training.compiled_model import build_model
from models.training.tensorboard import Board, write_trial
from models.training.validation import PairDistances, ValidationMonitor

EPOCHS = 3


def recipe(**training) -> ModelSettings:
    return ModelSettings.model_validate(
        {
            "image": {"height": 8, "width": 8},
            "encoder": {"filters": [8], "embedding": 8},
            "training": {"epochs": EPOCHS, "steps_per_epoch": 4, "learning_rate": 0.01, **training},
        }
    )


def trained(folder, settings: ModelSettings, normalised=normalise):
    keras.utils.set_random_seed(0)
    val = split(1)
    encoder, _ = trainer.fit(settings, normalised, split(0), val, str(folder))
    return encoder, val


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    """(training's events, validation's, the folder, the encoder, the validation split)."""
    folder = tmp_path_factory.mktemp("logs")
    encoder, val = trained(folder, recipe())
    return *(accumulated(folder / name) for name in ("train", "validation")), folder, encoder, val


def accumulated(folder) -> EventAccumulator:
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0, "graph": 1})
    events.Reload()
    return events


def numbers(events: EventAccumulator, tag: str) -> list:
    return [tf.make_ndarray(event.tensor_proto) for event in events.Tensors(tag)]


def counted(histogram: np.ndarray) -> float:
    """How many values a histogram holds: [buckets, (left, right, count)]."""
    return histogram[:, 2].sum()


def test_the_curves_are_there_one_value_an_epoch(logs):
    train, validation, *_ = logs
    assert len(numbers(train, "loss")) == EPOCHS
    rates = [float(rate) for rate in numbers(train, "learning_rate")]
    assert rates == pytest.approx([0.0075, 0.0025, 0.0], abs=1e-6)  # the cosine after a third, two thirds, all steps
    for name in ("auc", "eer", "accuracy", "spread", "genuine_distance", "impostor_distance"):
        assert len(numbers(validation, name)) == EPOCHS, name


def test_the_histograms_of_distances_hold_every_pair_and_agree_with_the_means(logs):
    _, validation, _, _, (_, pairs) = logs
    for kind, number in (("genuine", pairs.same.sum()), ("impostor", (1 - pairs.same).sum())):
        for histogram, mean in zip(
            numbers(validation, f"distance/{kind}"), numbers(validation, f"{kind}_distance"), strict=True
        ):
            assert counted(histogram) == number
            assert histogram[0, 0] <= mean <= histogram[-1, 1]


def test_weights_and_activations_of_every_layer(logs):
    train, validation, _, encoder, _ = logs
    weights = {tag for tag in train.Tags()["tensors"] if tag.startswith("weights/")}
    assert len(weights) == len([one for one in encoder.weights if one.dtype == "float32"])
    kernel = next(one for one in encoder.weights if one.path.endswith("kernel"))
    assert counted(numbers(train, next(tag for tag in weights if tag.endswith(kernel.path)))[0]) == kernel.numpy().size
    shown = {tag.removeprefix("activations/") for tag in validation.Tags()["tensors"] if tag.startswith("activations/")}
    assert shown == {layer.name for layer in encoder.layers if not isinstance(layer, keras.layers.InputLayer)}
    last = numbers(validation, f"activations/{encoder.layers[-1].name}")[0]
    assert counted(last) == 32 * 8  # images, numbers of an embedding


def test_the_graph_leads_from_raw_pixels_through_the_encoder(logs):
    train, _, _, encoder, _ = logs
    graph = tf.compat.v1.GraphDef.FromString(train.Graph().SerializeToString())
    operations = {node.op for node in graph.node}
    assert {"DecodePaddedRaw", "Conv2D", "MatMul"} <= operations
    for layer in (one for one in encoder.layers if one.weights):
        assert any(f"/{layer.name}" in node.name for node in graph.node), layer.name


def test_histograms_every_other_epoch_curves_every_one(tmp_path):
    trained(tmp_path, recipe(histogram_epochs=2))
    events = accumulated(tmp_path / "validation")
    assert [event.step for event in events.Tensors("distance/genuine")] == [0, 2]
    assert [event.step for event in events.Tensors("eer")] == [0, 1, 2]


def test_a_backbone_shows_what_it_gives_and_of_large_images_fewer_are_watched(tmp_path):
    side = 128
    settings = ModelSettings.model_validate(
        {
            "image": {"height": side, "width": side, "channels": 3},
            "encoder": {"name": "backbone", "backbone": "MobileNetV2", "embedding": 8},
        }
    )
    pixels = np.random.default_rng(0).integers(0, 256, (12, side, side, 3), np.uint8)
    images = ImageTable(pixels, {}, np.arange(12) // 2, np.zeros(12, int), np.full(12, -1))
    ends, same = np.arange(0, 12, 2), np.array([1, 0] * 3)
    model = build_model(settings, total_steps=1)
    distances = PairDistances(model.encoder, of_size(side), "euclidean", images, PairTable(ends, ends + 1, same))
    monitor = ValidationMonitor(distances, same, 1)
    board = Board(tmp_path, monitor, distances, same)
    board.set_model(model)
    logs = {"loss": 0.5}
    monitor.on_epoch_end(0, logs)
    board.on_epoch_end(0, logs)
    events = accumulated(tmp_path / "validation")
    watched = 32 * 64 * 64 // side**2
    assert watched < len(pixels)
    assert counted(numbers(events, "activations/backbone")[0]) == watched * 1280
    assert counted(numbers(events, "activations/unit_norm")[0]) == watched * 8


def of_size(side: int):
    def scaled(raw):
        decoded = tf.io.decode_raw(raw, tf.uint8, fixed_length=side * side * 3)
        return tf.reshape(tf.cast(decoded, tf.float32) / 255.0, [-1, side, side, 3])

    return scaled


def test_scalars_alone_or_nothing(tmp_path):
    trained(tmp_path / "scalars", recipe(tensorboard="scalars", epochs=1))
    events = accumulated(tmp_path / "scalars" / "train")
    assert (events.Tags()["tensors"], events.Tags()["graph"]) == (["learning_rate", "loss"], False)
    assert sorted(path.name for path in (tmp_path / "scalars").iterdir()) == ["augmented.png", "train", "validation"]

    trained(tmp_path / "none", recipe(tensorboard="none", epochs=1))
    assert [path.name for path in (tmp_path / "none").iterdir()] == ["augmented.png"]


def test_what_is_shown_does_not_change_what_is_learned(tmp_path):
    weights = []
    for shown in ("all", "none"):
        settings = recipe(tensorboard=shown, epochs=2)
        augmentation = settings.augmentation.model_copy(update={"rotation": 20.0, "brightness": 0.2})
        encoder = settings.encoder.model_copy(update={"dropout": 0.3})
        settings = settings.model_copy(update={"augmentation": augmentation, "encoder": encoder})
        weights.append(trained(tmp_path / shown, settings)[0].get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_a_trial_says_what_was_tried_and_what_it_came_to(tmp_path):
    write_trial(tmp_path / "trial_3" / "logs", {"margin": 0.9, "dropout": 0.1}, {"val_auc": 0.97})
    events = accumulated(tmp_path / "trial_3" / "logs")
    assert [float(one) for one in numbers(events, "val_auc")] == pytest.approx([0.97])
    content = events.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    started = hparams.parse_session_start_info_plugin_data(content)
    assert {name: value.number_value for name, value in started.hparams.items()} == {"margin": 0.9, "dropout": 0.1}
    assert started.group_name == "trial_3"
