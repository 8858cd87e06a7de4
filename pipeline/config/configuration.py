"""The one configuration: read from YAML, checked once at the edge, passed whole."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from components.anomaly_gate.settings import ValidationSettings
from components.image_example_gen.settings import IngestSettings
from components.model_card.settings import ModelCardSettings
from components.model_gate.settings import GateSettings, MeasureSettings
from components.pair_generator.settings import PairSettings
from components.pusher.settings import PushSettings
from components.run_outcome.settings import AlertSettings
from components.serving_validator.settings import ServingValidatorSettings
from models.errors import UserError
from models.settings import (
    AugmentationSettings,
    CalibrationSettings,
    EncoderSettings,
    ImageSettings,
    LossSettings,
    ModelSettings,
    Settings,
    TrainingSettings,
)
from models.settings.tuner import TunerSettings
from models.training.tuning.search_space import fitted_to
from pipeline.config.errors import sentence
from pipeline.config.kubeflow import KubeflowSettings
from pipeline.config.user_values import DIGITS, UserValues, read_user_values

__all__ = ["DIGITS", "BeamSettings", "Config", "DataSettings", "as_json", "checked", "load_config"]

# By its full name: on the default stack the short one fails, on the current one it first tries to download a runner.
_IN_PROCESS = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"


class DataSettings(IngestSettings):
    """Where the images are and how they are read."""

    source: str | None = Field(None, description=f"a folder, a manifest, increments of either ({{SPAN}}), or {DIGITS}")
    validation: ValidationSettings = ValidationSettings()
    min_new_images: int = Field(
        0, ge=0, description="a run on fewer images that are new to the model that serves is skipped; 0: none is"
    )
    schema_file: str | None = Field(None, description="a reviewed schema (pbtxt); default: made from this file")


class BeamSettings(Settings):
    """How Beam runs; anything else that its runners take goes into ``args``."""

    runner: str = Field(_IN_PROCESS, description="by its name, or that of its class; --beam sets it too")
    args: tuple[str, ...] = Field((), description="of the runner and of Beam, e.g. --parallelism=8")

    @property
    def pipeline_args(self) -> list[str]:
        """What each Beam pipeline is started with.

        Unless a dependency is named, TFX packs its own sources anew for each component (5 s each), which a runner in
        this process never installs.
        """
        unpacked = ["--sdk_container_image=in-process"] if self.runner == _IN_PROCESS else []
        return [f"--runner={self.runner}", *unpacked, *self.args]


class Config(Settings):
    """Everything a run depends on, but for where it writes."""

    name: str = Field(
        "siamese", pattern=r"^[a-z][a-z0-9-]*$", description="of the pipeline: runs and artifacts are kept by it"
    )
    seed: int = Field(0, ge=0, lt=2**31, description="of splits, pairs, weights and distortions")
    data: DataSettings = DataSettings()
    image: ImageSettings = ImageSettings()
    pairs: PairSettings = PairSettings()
    encoder: EncoderSettings = EncoderSettings()
    loss: LossSettings = LossSettings()
    training: TrainingSettings = TrainingSettings()
    augmentation: AugmentationSettings = AugmentationSettings()
    calibration: CalibrationSettings = CalibrationSettings()
    tuner: TunerSettings = TunerSettings()
    measures: MeasureSettings = MeasureSettings()
    gates: GateSettings = GateSettings()
    serving_validator: ServingValidatorSettings = ServingValidatorSettings()
    push: PushSettings = PushSettings()
    model_card: ModelCardSettings = ModelCardSettings()
    alerts: AlertSettings = AlertSettings()
    beam: BeamSettings = BeamSettings()
    kubeflow: KubeflowSettings = KubeflowSettings()

    @property
    def split_rule(self) -> dict[str, Any]:
        """The rule and the seed that keep the test images out of the training."""
        return {**self.data.split.model_dump(mode="json"), "seed": self.seed}

    @property
    def ingest(self) -> IngestSettings:
        """What ImageExampleGen reads."""
        return IngestSettings(**{key: getattr(self.data, key) for key in IngestSettings.model_fields})

    @property
    def model(self) -> ModelSettings:
        """What the Trainer reads.

        Raises:
          ValueError: the sections do not fit together.
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
        """What the Tuner tries; None where it is switched off.

        Raises:
          ValueError: the sections do not fit together.
        """
        model = self.model
        return fitted_to(self.tuner, model) if self.tuner.trials else None

    def model_post_init(self, _context: object) -> None:
        """Checks what spans sections."""
        model = self.model
        for section in ("loss", "training"):  # with what suits the encoder, so that the dump says what was in force
            object.__setattr__(self, section, getattr(model, section))
        _ = self.search
        self.gates.check_names(self.measures.names)

    def digest(self) -> str:
        """SHA-256 of what is configured; left out: the place of the images and of the run, and who hears of it."""
        return self._digest({"data": {"source"}, "alerts": True, "kubeflow": True})

    def recipe_digest(self) -> str:
        """SHA-256 of what shapes a model: not what it must reach, nor how Beam runs, nor which files are refused."""
        limits = {"source", "min_new_images", "schema_file", "validation", "drift_sample", "max_quarantined"}
        limits |= {"max_pixels", "max_bytes", "max_frames"}
        after = ("name", "tuner", "measures", "gates", "serving_validator", "push", "model_card", "alerts", "beam")
        return self._digest({**dict.fromkeys((*after, "kubeflow"), True), "data": limits})

    def _digest(self, exclude: dict[str, Any]) -> str:
        content = self.model_dump(mode="json", exclude=exclude)
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def load_config(
    path: Path | None = None, overrides: Iterable[str] = (), data: str | None = None, beam: Iterable[str] = ()
) -> Config:
    """Reads a configuration file, takes ``data`` for the images, applies ``a.b=value`` overrides and Beam's options.

    What of the file an override leaves without a meaning is left out, and a warning is logged that says so.

    Without a file: the embedded digits; with images of the user's own, the defaults of ``Config`` instead, since a
    recipe for 8x8 digits of ten known classes fits nobody else's.

    Raises:
      UserError: the file is missing or not YAML, or a key is unknown, of the wrong type or out of range. One line a
        fault: the key, what was given, what is allowed.
    """
    return checked(read_user_values(path, overrides, data, beam))


def checked(user_values: UserValues) -> Config:
    """The configuration of what is given.

    Raises:
      UserError: a key is unknown, of the wrong type or out of range, or sections do not fit together.
    """
    try:
        return Config.model_validate(user_values.content)
    except ValidationError as error:
        faults = error.errors()
        raise UserError("\n".join(f"{user_values.name}: {sentence(fault, Config)}" for fault in faults)) from None


def as_json(value: BaseModel | Mapping[str, Any]) -> str:
    """Canonical JSON, as components take their settings."""
    content = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    return json.dumps(content, sort_keys=True)
