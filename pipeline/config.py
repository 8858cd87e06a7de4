"""The one configuration: read from YAML, checked once at the edge, passed whole."""

import difflib
import hashlib
import importlib.util
import json
import shlex
from collections.abc import Iterable, Mapping
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, Field, ValidationError
from pydantic_core import ErrorDetails

from components.anomaly_gate.settings import ValidationSettings
from components.image_example_gen.settings import IngestSettings
from components.model_card.settings import ModelCardSettings
from components.model_gate.settings import GateSettings, MeasureSettings
from components.pair_generator.settings import PairSettings
from components.pusher.settings import PushSettings
from components.run_outcome.settings import AlertSettings
from components.serving_validator.settings import ServingValidatorSettings
from models.errors import UserError
from models.features import SPLITS
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
from models.tuning.values import fitted_to
from pipeline.runners.kubeflow.settings import KubeflowSettings
from pipeline.yaml_text import parse_yaml

DEFAULT = "digits"  # the embedded configuration of a run without arguments
DIGITS = "sklearn:digits"  # data.source of the handwritten digits that ship with scikit-learn

# By its full name: on the default stack the short one fails, on the current one it first tries to download a runner.
_IN_PROCESS = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"

_STOOD_ON = ("tensorflow", "keras", "tfx", "tensorflow-transform", "numpy", "pillow")


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

    runner: str = _IN_PROCESS
    args: tuple[str, ...] = ()

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

    name: str = Field("siamese", pattern=r"^[a-z][a-z0-9-]*$")
    seed: int = Field(0, ge=0, lt=2**31)
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
        object.__setattr__(self, "loss", self.model.loss)  # with its margins, so that the dump says what was in force
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

    Without a file: the embedded digits; with images of the user's own, the defaults of ``Config`` instead, since a
    recipe for 8x8 digits of ten known classes fits nobody else's.

    Raises:
      UserError: the file is missing or not YAML, or a key is unknown, of the wrong type or out of range. One line a
        fault: the key, what was given, what is allowed.
    """
    if path:
        name, content = str(path), _read(str(path), path)
        _place(content, path.parent)
    elif data in (None, DIGITS):
        name, content = f"{DEFAULT}.yaml", _read(DEFAULT, resources.files("configs") / f"{DEFAULT}.yaml")
    else:
        name, content = "defaults", {}
    for override in overrides:
        _apply(content, override)
    _add_beam(content, [option for several in beam for option in shlex.split(several)])
    if data is not None:
        section = content.setdefault("data", {})
        if isinstance(section, dict):
            section["source"] = data
    try:
        return Config.model_validate(content)
    except ValidationError as error:
        raise UserError("\n".join(f"{name}: {_sentence(fault)}" for fault in error.errors())) from None


def _read(name: str, file: Any) -> dict[str, Any]:
    try:
        content = parse_yaml(file.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{name}: cannot be read as a configuration: {_reason(error)}") from None
    except yaml.YAMLError as error:
        raise UserError(f"{name}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise UserError(f"{name}: must hold keys such as 'image:' and 'pairs:', not {content!r}")
    return content


def _place(content: dict[str, Any], folder: Path) -> None:
    """Paths in a file are relative to the file."""
    pairs = content.get("pairs")
    sections = (
        (content.get("data"), ("source", "schema_file")),
        (content.get("push"), ("serving_dir",)),
        (content.get("encoder"), ("weights",)),
        (pairs.get("protocol") if isinstance(pairs, dict) else None, SPLITS),
    )
    for section, keys in sections:
        if not isinstance(section, dict):
            continue
        for key in keys:
            value = section.get(key)
            if isinstance(value, str) and value not in (DIGITS, "none", "imagenet") and "://" not in value:
                section[key] = str(folder / value)


def _add_beam(content: dict[str, Any], options: list[str]) -> None:
    """Beam's own options go to those of the configuration, a runner in its place."""
    section = content.setdefault("beam", {}) if options else {}
    if not isinstance(section, dict):
        return
    for option in options:
        name, _, value = option.partition("=")
        if name == "--runner" and value:
            section["runner"] = value
        else:
            section["args"] = [*section.get("args", ()), option]


def _apply(content: dict[str, Any], override: str) -> None:
    key, equals, value = override.partition("=")
    if not equals or not key.strip():
        raise UserError(f"--set {override}: must be KEY=VALUE, e.g. --set training.epochs=20")
    *path, last = key.strip().split(".")
    place = content
    for part in path:
        place = place.setdefault(part, {})
        if not isinstance(place, dict):
            raise UserError(f"--set {override}: {part} holds {place!r}, not keys")
    try:
        place[last] = parse_yaml(value)
    except yaml.YAMLError:
        raise UserError(f"--set {override}: the value is not YAML") from None


def _sentence(fault: ErrorDetails) -> str:
    """One fault of pydantic's in our words: the key, what was given, what is allowed."""
    key = ".".join(str(part) for part in fault["loc"]) or "the configuration"
    if fault["type"] == "extra_forbidden":
        known = _keys_at(fault["loc"][:-1])
        near = difflib.get_close_matches(str(fault["loc"][-1]), known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"allowed: {', '.join(known)}"
        return f"{key}: unknown key; {hint}"
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "value_error":
        return message if key == "the configuration" else f"{key}: {message}"
    return f"{key}: got {fault['input']!r}; {message[0].lower()}{message[1:]}"


def _keys_at(loc: tuple[int | str, ...]) -> list[str]:
    section: Any = Config
    for part in loc:
        # Where it is no section, the part is the key of a table of sections, or the index in a list of them.
        section = section.model_fields[str(part)].annotation if _is_section(section) else _section_in(section)
        if get_origin(section) in (Union, UnionType):  # a section that may be left out
            section = _section_in(section)
    return list(section.model_fields) if _is_section(section) else []


def _section_in(annotation: Any) -> Any:
    return next(filter(_is_section, get_args(annotation)), None)


def _is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _reason(error: Exception) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


def code_digest(*names: str) -> str:
    """SHA-256 over the sources of modules and whole packages, by import name, and the versions of what they stand on.

    A parameter of each node, so that old results are never mistaken for those of new code or of the other stack.
    """
    digest = hashlib.sha256(json.dumps([version(library) for library in _STOOD_ON]).encode())
    for name in names:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(name)
        origin = Path(spec.origin)
        for file in sorted(origin.parent.rglob("*.py")) if origin.name == "__init__.py" else [origin]:
            digest.update(f"{name}/{file.relative_to(origin.parent).as_posix()}\n".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


def as_json(value: BaseModel | Mapping[str, Any]) -> str:
    """Canonical JSON, as components take their settings."""
    content = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    return json.dumps(content, sort_keys=True)
