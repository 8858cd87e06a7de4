"""Planted models: real digits, real trainings, and one defect for each model."""

import functools
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from tiny_model import fit_transform

from models.code_digest import code_digest
from models.data import dataset
from models.data.preprocessing import Normalisation
from models.export.saved_model import ServedModel, export
from models.network.encoders import build_encoder
from models.settings import ImageSettings, ModelSettings
from models.training.trainer import fit, load_split
from models.training.validation import PairDistances
from models.verification.calibration import Calibration, calibrate
from models.verification.metrics import metric_value
from pipeline.config.configuration import Config
from pipeline.runners.local.images import write_digits

GROUPS = {"low": range(4), "middle": range(4, 7), "high": range(7, 10)}

Weights = list[np.ndarray]
Split = tuple[dataset.ImageTable, dataset.PairTable]


def write_grouped_digits(folder: Path) -> Path:
    """All digits as ``<group>/<digit>/<image>``."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        digits = write_digits(Path(scratch) / "digits")
        for group, members in GROUPS.items():
            for digit in members:
                shutil.copytree(digits / str(digit), folder / group / str(digit))
    return folder


@dataclass(frozen=True)
class Network:
    """A trained encoder and its calibration."""

    encoder: keras.Model
    calibration: Calibration


class Nursery:
    """Trains, damages and exports models with the pairs and the normalisation of one run.

    Args:
      config: of the run.
      pairs: PairGenerator's artifact.
      transform: Transform's.
      untrained: the Model artifact of a Trainer that trained for no epoch.
      folder: for the new models.
    """

    def __init__(self, config: Config, pairs: Path, transform: Path, untrained: Path, folder: Path) -> None:
        self.config, self.settings, self.untrained, self.folder = config, config.model, untrained, folder
        self.transform = tft.TFTransformOutput(str(transform))
        self.train, self.val = (
            load_split(str(pairs / f"Split-{name}" / "*"), self.settings, folder) for name in ("train", "val")
        )

    @functools.cached_property
    def served(self) -> Network:
        """A model that is good enough to serve, and can be improved."""
        return self.trained(epochs=3)

    @functools.cached_property
    def better(self) -> Network:
        """The same recipe, trained longer."""
        return self.trained(epochs=12)

    @functools.cached_property
    def slightly_worse(self) -> Network:
        """The served model with a little noise on its weights: of several, the worst on the validation pairs."""
        near = [self.of(noisy(self.served.encoder.get_weights(), 0.03, seed)) for seed in range(4)]
        same = self.val[1].same.astype(bool)
        return min(near, key=lambda network: metric_value("auc", same, self.distances(network.encoder)))

    def trained(self, train: Split | None = None, val: Split | None = None, form: str = "batch", **training) -> Network:
        """Trained as by the Trainer."""
        settings = self.settings.model_copy(
            update={
                "training": self.settings.training.model_copy(update=training),
                "loss": self.settings.loss.model_copy(update={"form": form}),
            }
        )
        keras.utils.set_random_seed(settings.seed)
        logs = tempfile.mkdtemp(dir=self.folder)
        return Network(*fit(settings, Normalisation(self.transform), train or self.train, val or self.val, logs))

    def of(self, weights: Weights) -> Network:
        """A network with these weights, calibrated on the validation pairs."""
        encoder = self.encoder(weights)
        return Network(encoder, calibrate(self.val[1].same, self.distances(encoder)))

    def encoder(self, weights: Weights | None = None) -> keras.Model:
        """The configured encoder, with these weights or initial ones."""
        encoder = build_encoder(self.settings.image, self.settings.encoder)
        if weights is not None:
            encoder.set_weights(weights)
        return encoder

    def distances(self, encoder: keras.Model) -> np.ndarray:
        """Of the validation pairs."""
        return PairDistances(encoder, Normalisation(self.transform), self.settings.loss.distance, *self.val)()

    def exported(
        self,
        network: Network,
        kind: Callable[..., ServedModel] = ServedModel,
        manifest: Calibration | None = None,
    ) -> Path:
        """A Model artifact as from the Trainer; ``manifest``: another calibration in the manifest."""
        artifact = Path(tempfile.mkdtemp(dir=self.folder))
        served = kind(network.encoder, self.transform, "euclidean", network.calibration, self.settings.image)
        self._export(served, self.settings, manifest or network.calibration, artifact)
        return artifact

    def exported_at(self, image: ImageSettings) -> Path:
        """The served model's recipe for images of another size, with a normalisation of its own."""
        settings = self.settings.model_copy(update={"image": image})
        train, val = (_resized(split, image) for split in (self.train, self.val))
        artifact = Path(tempfile.mkdtemp(dir=self.folder))
        transform = fit_transform(train[0].pixels[:200], image, artifact / "normalisation")
        keras.utils.set_random_seed(settings.seed)
        short = settings.model_copy(update={"training": settings.training.model_copy(update={"epochs": 1})})
        network = Network(*fit(short, Normalisation(transform), train, val, str(artifact / "logs")))
        served = ServedModel(network.encoder, transform, "euclidean", network.calibration, image)
        self._export(served, settings, network.calibration, artifact)
        return artifact

    def _export(self, served: ServedModel, settings: ModelSettings, calibration: Calibration, artifact: Path) -> None:
        custom = {
            "code_digest": code_digest("models.training.trainer"),
            "config_digest": self.config.recipe_digest(),
            "split": {**self.config.data.split.model_dump(mode="json"), "seed": self.config.seed},
        }
        folder = str(artifact / "Format-Serving")
        arguments = SimpleNamespace(serving_model_dir=folder, custom_config=custom, hyperparameters=None)
        export(served, settings, calibration, arguments)

    def with_identities_mixed(self, group: str, share: float) -> Split:
        """The train split, where a share of the images of a group has another identity of the group."""
        images, pairs = self.train
        rng, identity = np.random.default_rng(0), images.identity.copy()
        inside = np.flatnonzero(images.group == sorted(GROUPS).index(group))
        mixed = rng.choice(inside, int(share * len(inside)), replace=False)
        identity[mixed] = rng.choice(np.unique(identity[inside]), len(mixed))
        return replace(images, identity=identity), pairs


def shuffled(split: Split) -> Split:
    """The same pairs with random labels."""
    images, pairs = split
    return images, replace(pairs, same=np.random.default_rng(0).permutation(pairs.same))


def noisy(weights: Weights, size: float, seed: int = 0) -> Weights:
    """Weights with noise, ``size`` times the spread of each; those without negative values stay positive."""
    rng = np.random.default_rng(seed)
    moved = [w + rng.normal(0, size * w.std() + 1e-12, w.shape).astype(w.dtype) for w in weights]
    return [noise if (w < 0).any() else np.abs(noise) for w, noise in zip(weights, moved, strict=True)]


def with_last_layer(weights: Weights, scale: float) -> Weights:
    """The embedding's kernel scaled, and a bias that is far from zero: at 0 all embeddings are the same."""
    *rest, kernel, bias = weights
    return [*rest, kernel * scale, np.ones_like(bias)]


def damaged(artifact: Path, name: str, how: Callable[[bytes], bytes | None]) -> Path:
    """A copy of an artifact with one file changed, or without it."""
    copy = artifact.with_name(f"{artifact.name}-damaged-{Path(name).name}")
    shutil.copytree(artifact, copy)
    file = copy / "Format-Serving" / name
    content = how(file.read_bytes())
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    return copy


def _resized(split: Split, image: ImageSettings) -> Split:
    images, pairs = split
    pixels = tf.image.resize(images.pixels, (image.height, image.width)).numpy()
    return replace(images, pixels=pixels.round().astype(np.uint8)), pairs
