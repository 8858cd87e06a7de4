"""The one configuration: its sections, what spans them, and its digests."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field

from components.gates.anomaly_gate.settings import ValidationSettings
from components.gates.model_gate.settings import GateSettings, MeasureSettings
from components.gates.serving_validator.settings import ServingValidatorSettings
from components.image_example_gen.settings import IngestSettings
from components.model_card.settings import ModelCardSettings
from components.pair_generator.settings import PairSettings
from components.pusher.settings import PushSettings
from components.run_outcome.settings import AlertSettings
from models.settings import (
    Affects,
    AugmentationSettings,
    CalibrationSettings,
    EncoderSettings,
    ImageSettings,
    IsPath,
    LossSettings,
    ModelSettings,
    Settings,
    TrainingSettings,
)
from models.settings.base import affecting, change_paths
from models.settings.tuner import TunerSettings
from models.training.search_space import fitted_to
from pipeline.config.beam import BeamSettings
from pipeline.config.kubeflow import KubeflowSettings

DIGITS = "sklearn:digits"  # data.source of the handwritten digits that ship with scikit-learn


class DataSettings(IngestSettings):
    """The images: their source, layout, splits and checks."""

    source: Annotated[str | None, Affects.NOTHING, IsPath(unless=(DIGITS,))] = Field(
        None, description=f"a folder, a manifest, increments of either ({{SPAN}}), or {DIGITS}"
    )
    validation: Annotated[ValidationSettings, Affects.CONFIGURATION] = ValidationSettings()
    min_new_images: Annotated[int, Affects.CONFIGURATION] = Field(
        0, ge=0, description="a run on fewer images that are new to the model that serves is skipped; 0: none is"
    )
    schema_file: Annotated[str | None, Affects.CONFIGURATION, IsPath()] = Field(
        None, description="a reviewed schema (pbtxt); default: made from this file"
    )


class Config(Settings):
    """Everything that a run depends on, except the folders that it writes to."""

    name: Annotated[str, Affects.CONFIGURATION] = Field(
        "siamese",
        max_length=63,  # of TFX, and of a label of Kubernetes
        pattern=r"^[a-z]([a-z0-9-]*[a-z0-9])?$",
        description="name of the pipeline, under which runs and artifacts are kept",
    )
    seed: int = Field(0, ge=0, lt=2**31, description="seed of splits, pairs, initial weights and augmentation")
    data: DataSettings = DataSettings()
    image: ImageSettings = ImageSettings()
    pairs: PairSettings = PairSettings()
    encoder: EncoderSettings = EncoderSettings()
    loss: LossSettings = LossSettings()
    training: TrainingSettings = TrainingSettings()
    augmentation: AugmentationSettings = AugmentationSettings()
    calibration: CalibrationSettings = CalibrationSettings()
    tuner: Annotated[TunerSettings, Affects.CONFIGURATION] = TunerSettings()
    measures: Annotated[MeasureSettings, Affects.CONFIGURATION] = MeasureSettings()
    gates: Annotated[GateSettings, Affects.CONFIGURATION] = GateSettings()
    serving_validator: Annotated[ServingValidatorSettings, Affects.CONFIGURATION] = ServingValidatorSettings()
    push: Annotated[PushSettings, Affects.CONFIGURATION] = PushSettings()
    model_card: Annotated[ModelCardSettings, Affects.CONFIGURATION] = ModelCardSettings()
    alerts: Annotated[AlertSettings, Affects.NOTHING] = AlertSettings()
    beam: Annotated[BeamSettings, Affects.CONFIGURATION] = BeamSettings()
    kubeflow: Annotated[KubeflowSettings, Affects.NOTHING] = KubeflowSettings()

    @property
    def split_rule(self) -> dict[str, Any]:
        """The rule and the seed of the splits, which keep test images out of the training."""
        return {**self.data.split.model_dump(mode="json"), "seed": self.seed}

    @property
    def ingest(self) -> IngestSettings:
        """The settings of ImageExampleGen."""
        return IngestSettings(**{key: getattr(self.data, key) for key in IngestSettings.model_fields})

    @property
    def model(self) -> ModelSettings:
        """The settings of the Trainer.

        Raises:
          ValueError: the sections are inconsistent.
        """
        return ModelSettings(
            image=self.image,
            encoder=self.encoder,
            loss=self.loss,
            training=self.training,
            augmentation=self.augmentation,
            calibration=self.calibration,
            seed=self.seed,
        )

    @property
    def search(self) -> TunerSettings | None:
        """The settings of the Tuner; None where it is switched off.

        Raises:
          ValueError: the sections are inconsistent.
        """
        model = self.model
        return fitted_to(self.tuner, model) if self.tuner.trials else None

    def model_post_init(self, _context: object) -> None:
        """Checks that the sections are consistent; sets what follows from another section."""
        batch = self.training.batch
        if batch.mined is None:  # mined pairs steer the batches in their share of the impostor pairs
            share = self.pairs.mined if self.loss.form == "batch" else 0
            steered = batch.model_copy(update={"mined": share})
            object.__setattr__(self, "training", self.training.model_copy(update={"batch": steered}))
        model = self.model
        for section in (
            "loss",
            "training",
        ):  # with the defaults for the encoder, so that the dump has the values in use
            object.__setattr__(self, section, getattr(model, section))
        _ = self.search
        self.gates.check_names(self.measures.names)

    def digest(self) -> str:
        """SHA-256 of the fields that affect the configuration (``models.settings.Affects``)."""
        return self._digest(Affects.CONFIGURATION)

    def recipe_digest(self) -> str:
        """SHA-256 of the fields that affect the recipe: what makes a model, not what it must reach or how Beam runs."""
        return self._digest(Affects.RECIPE)

    def _digest(self, level: Affects) -> str:
        content = affecting(level, type(self), self.model_dump(mode="json"))
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def with_absolute_paths(config: Config) -> Config:
    """The same configuration, for a process that changes its working folder."""
    content = config.model_dump(mode="json")
    change_paths(Config, content, lambda path: str(Path(path).absolute()))
    return Config.model_validate(content)


def as_json(value: BaseModel | Mapping[str, Any]) -> str:
    """Canonical JSON of settings, the form of an execution parameter."""
    content = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    return json.dumps(content, sort_keys=True)
