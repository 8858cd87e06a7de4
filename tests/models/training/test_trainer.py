import logging
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.checksums import checksum
from models.data.dataset import ImageTable, PairTable
from models.data.pairs_artifact import MANIFEST, images_part, manifest_text
from models.errors import TrainingFailed, UserError
from models.network.encoders import build_encoder
from models.settings import (
    CalibrationSettings,
    EncoderSettings,
    ImageSettings,
    LossSettings,
    ModelSettings,
    TrainingSettings,
)
from models.training.hardware import precision_policy
from models.training.trainer import _in_float32, fit, scratch_folder
from models.training.validation import PairDistances


def normalise(raw):
    pixels = tf.io.decode_raw(raw, tf.uint8, fixed_length=64)
    return tf.reshape(tf.cast(pixels, tf.float32), [-1, 8, 8, 1]) / 128 - 1


def split(identities: int = 4, each: int = 6, seed: int = 0, noise: float = 30) -> tuple[ImageTable, PairTable]:
    """Noisy copies of one pattern an identity, and all their pairs."""
    who = np.repeat(np.arange(identities), each)
    centres = np.random.default_rng(99).uniform(0, 255, (identities, 8, 8, 1))
    pixels = centres[who] + np.random.default_rng(seed).normal(0, noise, (len(who), 8, 8, 1))
    a, b = np.triu_indices(len(who), k=1)
    images = ImageTable(np.clip(pixels, 0, 255).astype(np.uint8), {}, who, np.zeros_like(who), np.full_like(who, -1))
    return images, PairTable(a, b, (who[a] == who[b]).astype(np.int64))


def settings(form: str = "batch", **training) -> ModelSettings:
    return ModelSettings(
        image=ImageSettings(height=8, width=8),
        encoder=EncoderSettings(filters=(8,), embedding=8, dropout=0.0),
        loss=LossSettings(form=form),
        training=TrainingSettings(**{"epochs": 6, "steps_per_epoch": 4, **training}),
    )


def fitted(tmp_path, given, val=None, train=None):
    keras.utils.set_random_seed(given.seed)
    val = val or split(seed=1)
    encoder, calibration = fit(given, normalise, train or split(), val, str(tmp_path))
    return encoder, calibration, PairDistances(encoder, normalise, given.loss.distance, *val)(), val[1].same


@pytest.mark.parametrize("form", ["batch", "pairs"])
def test_training_makes_a_calibrated_verifier(tmp_path, caplog, form):
    with caplog.at_level(logging.INFO, "siamese.progress"):
        _, calibration, distance, same = fitted(tmp_path, settings(form))
    score = calibration.score(distance)
    assert ((score > 0.5) == same).mean() > 0.95
    assert score[same == 1].mean() > score[same == 0].mean() + 0.3
    lines = [record.getMessage() for record in caplog.records if record.name == "siamese.progress"]
    assert [line.split("  ")[0] for line in lines[:-1]] == [f"epoch {n}/6" for n in range(1, len(lines))]
    assert lines[-1] == f"threshold {calibration.threshold:.4f} from {len(same)} validation pairs"
    assert list(tmp_path.rglob("events.out.tfevents.*"))  # for TensorBoard


def test_no_epoch_is_an_untrained_encoder(tmp_path):
    given = settings(epochs=0)
    keras.utils.set_random_seed(given.seed)
    untrained = build_encoder(given.image, given.encoder).get_weights()
    encoder, calibration, distance, _ = fitted(tmp_path, given)
    for weights, expected in zip(encoder.get_weights(), untrained, strict=True):
        np.testing.assert_array_equal(weights, expected)
    assert distance.min() < calibration.threshold < distance.max()


def test_the_best_epoch_is_kept_not_the_last(tmp_path, monkeypatch):
    """Each epoch ends with other weights; validation, made up, likes the second best."""
    likes = iter([0.6, 0.9, 0.7, 0.7, 0.7])
    monkeypatch.setattr(
        "models.training.validation.metric_value", lambda name, *_: next(likes) if name == "auc" else 0.5
    )
    ends = []
    on_epoch_end = keras.callbacks.TerminateOnNaN.on_epoch_end
    monkeypatch.setattr(
        keras.callbacks.TerminateOnNaN,
        "on_epoch_end",
        lambda self, *given, **named: (
            ends.append(self.model.encoder.get_weights()),
            on_epoch_end(self, *given, **named),
        ),
    )
    encoder, *_ = fitted(tmp_path, settings(epochs=10, patience=3))
    assert len(ends) == 5  # it stopped early
    for weights, best, last in zip(encoder.get_weights(), ends[1], ends[-1], strict=True):
        np.testing.assert_array_equal(weights, best)
        assert not np.array_equal(weights, last)


@pytest.mark.parametrize("written", ["all", "scalars", "none"])
def test_what_the_network_is_fed_is_drawn_whatever_tensorboard_gets(tmp_path, written):
    fitted(tmp_path, settings(epochs=0, tensorboard=written))
    assert (tmp_path / "augmented.png").is_file()
    assert (tmp_path / "augmented").exists() == (written == "all")


@pytest.mark.parametrize("epoch", [1, 2])
def test_a_loss_that_is_no_number_fails_the_training(tmp_path, monkeypatch, epoch):
    steps = 4
    from models.network.losses.contrastive import Contrastive

    calls = tf.Variable(0)
    batch = Contrastive.batch

    def sometimes(self, labels, embeddings, distance):
        broken = calls.assign_add(1) > (epoch - 1) * steps
        return batch(self, labels, embeddings, distance) * tf.where(broken, float("nan"), 1.0)

    monkeypatch.setattr(Contrastive, "batch", sometimes)
    with pytest.raises(TrainingFailed, match=rf"^training failed in epoch {epoch}: the loss is not a finite number"):
        fitted(tmp_path, settings(steps_per_epoch=steps))


def test_a_collapsed_encoder_fails_the_training(tmp_path):
    with pytest.raises(TrainingFailed, match="the encoder has collapsed to one point"):
        fitted(tmp_path, settings(epochs=0), val=flat())


def flat() -> tuple[ImageTable, PairTable]:
    images, pairs = split()
    return ImageTable(np.full_like(images.pixels, 100), {}, images.identity, images.group, images.imitates), pairs


def test_what_trained_in_half_precision_is_exported_in_single():
    given = settings()
    with precision_policy("on"):
        trained = build_encoder(given.image, given.encoder)
    assert "bfloat16" in {layer.compute_dtype for layer in trained.layers}
    exported = _in_float32(trained, given)
    assert {layer.compute_dtype for layer in exported.layers} == {"float32"}
    for one, other in zip(trained.get_weights(), exported.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_mixed_precision_trains_too(tmp_path):
    _, calibration, distance, same = fitted(tmp_path, settings(mixed_precision="on"))
    assert ((calibration.score(distance) > 0.5) == same).mean() > 0.9


def test_every_image_is_embedded_once_whatever_the_pairs():
    images, _ = split()
    pairs = PairTable(np.array([3, 3, 7, 20]), np.array([9, 7, 20, 3]), np.array([0, 0, 0, 0]))
    given = settings()
    encoder = build_encoder(given.image, given.encoder)
    distances = PairDistances(encoder, normalise, "euclidean", images, pairs)
    assert distances.embeddings().shape == (4, 8)
    embedded = encoder(normalise(tf.constant(images.raw(np.arange(24)))), training=False).numpy()
    expected = np.linalg.norm(embedded[pairs.a] - embedded[pairs.b], axis=1)
    np.testing.assert_allclose(distances(), expected, atol=1e-5)


def test_the_scratch_folder_lies_beside_the_artifacts_and_must_hold_the_pixels(tmp_path, monkeypatch):
    for folder, size in (("Split-train", 10), ("images/train", 1000)):
        (tmp_path / "pairs" / folder).mkdir(parents=True)
        (tmp_path / "pairs" / folder / "a.tfrecord").write_bytes(bytes(size))
    declared = {images_part("train"): [checksum("a.tfrecord", [bytes(1000)])]}
    (tmp_path / "pairs" / MANIFEST).write_text(manifest_text(declared))
    patterns = [str(tmp_path / "pairs" / "Split-train" / "*")]
    on_disk, in_memory, auto = (settings(in_memory=where) for where in ("off", "on", "auto"))
    with scratch_folder(str(tmp_path), patterns, on_disk) as scratch:
        assert scratch.parent == tmp_path
    assert not scratch.exists()
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=999))
    with (
        pytest.raises(UserError) as raised,
        scratch_folder(str(tmp_path), patterns, on_disk),
    ):
        pass
    assert raised.value.code == "train-disk-full"
    with scratch_folder(str(tmp_path), patterns, in_memory) as scratch:  # asks for no disk
        assert scratch is None
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    for free, fits in ((3999, False), (4000, True)):
        monkeypatch.setattr("models.training.trainer.available_memory", lambda free=free: free)
        with scratch_folder(str(tmp_path), patterns, auto) as scratch:
            assert (scratch is None) == fits


def aimed(far: float) -> ModelSettings:
    return settings().model_copy(update={"calibration": CalibrationSettings(objective="target_far", value=far)})


def test_the_threshold_serves_the_objective_of_the_settings(tmp_path):
    _, calibration, distance, same = fitted(tmp_path, aimed(0.3), val=split(seed=1, noise=150))
    wrongly = (calibration.score(distance) > 0.5)[same == 0].mean()
    assert calibration.reached["far"] == pytest.approx(wrongly)
    assert 0.2 < wrongly <= 0.3  # the best accuracy is elsewhere


def test_a_target_that_validation_cannot_show_is_refused_before_the_training(tmp_path, caplog):
    with caplog.at_level(logging.INFO, "siamese.progress"), pytest.raises(UserError, match=r"calibration\.value"):
        fitted(tmp_path, aimed(0.0001))
    assert not caplog.records


def test_a_target_out_of_reach_fails_the_training_in_a_sentence(tmp_path):
    unlike = split(seed=1)
    labels = 1 - unlike[1].same  # the encoder learns the opposite of what is asked
    with pytest.raises(TrainingFailed, match=r"training failed: calibration: target_far 0\.02 is out of reach"):
        fitted(tmp_path, aimed(0.02), val=(unlike[0], PairTable(unlike[1].a, unlike[1].b, labels)))
