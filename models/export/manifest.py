"""The manifest of a SavedModel, ``assets.extra/siamese.json``. Needs no TensorFlow."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from models.errors import UserError
from models.settings import ImageSettings
from models.user_files import read_bytes

FILE = Path("assets.extra") / "siamese.json"
CARD_FILE = "model_card.md"  # in ``assets.extra`` and in the artifact of ModelCard


class CalibrationReport(BaseModel):
    """The objective of the operating threshold, and the metrics reached on the validation pairs."""

    model_config = ConfigDict(frozen=True)

    objective: str
    value: float | None = None
    prior: float | None = None
    validation: dict[str, float] = {}  # accuracy, precision, recall, f1, far, genuine_pairs, impostor_pairs


class ModelManifest(BaseModel):
    """Description of a model, written by the Trainer and copied with the model."""

    model_config = ConfigDict(frozen=True)

    model_digest: str  # SHA-256 over weights, normalisation, calibration, architecture and code
    image: ImageSettings
    distance: str
    threshold: float  # distance below which a pair is called the same
    slope: float  # score = sigmoid(slope * (threshold - distance))
    calibration: CalibrationReport | None = None  # absent in older models
    embedding: int
    split: dict[str, object]  # rule and seed of the split
    config_digest: str  # of the settings that determine a model
    tuned: dict[str, int | float] | None = None  # values found by the Tuner; they replace those of the configuration
    versions: dict[str, str]

    def write(self, model_dir: Path | str) -> None:
        """Writes the manifest into the SavedModel at ``model_dir``."""
        path = Path(model_dir) / FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, model_dir: Path | str) -> "ModelManifest":
        """Reads the manifest of the SavedModel at ``model_dir``.

        Raises:
          UserError: it is missing or damaged.
        """
        path = Path(model_dir) / FILE
        try:
            return cls.model_validate_json(read_bytes(path, 1 << 20))
        except FileNotFoundError:
            message = f"{model_dir}: not a model of this pipeline ({FILE} is missing)"
            raise UserError(message, "model-not-ours") from None
        except (ValidationError, OSError) as error:
            why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error.strerror
            message = f"{path}: cannot be read as a model manifest: {why}"
            raise UserError(message, "model-damaged") from None
