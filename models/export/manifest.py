"""What a SavedModel says of itself: ``assets.extra/siamese.json``, readable without TensorFlow."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from models.errors import UserError
from models.settings import ImageSettings

FILE = Path("assets.extra") / "siamese.json"
CARD_FILE = "model_card.md"  # in ``assets.extra`` too, and in the artifact of the ModelCard


class CalibrationReport(BaseModel):
    """What the operating threshold was chosen for, and what it reached on the validation pairs."""

    model_config = ConfigDict(frozen=True)

    objective: str
    value: float | None = None
    prior: float | None = None
    validation: dict[str, float] = {}  # accuracy, precision, recall, f1, far, genuine_pairs, impostor_pairs


class ModelManifest(BaseModel):
    """Written by the Trainer, carried along by every copy."""

    model_config = ConfigDict(frozen=True)

    model_digest: str  # SHA-256 over weights, normalisation, calibration, architecture and code
    image: ImageSettings
    distance: str
    threshold: float  # distance below which a pair is called the same
    slope: float  # score = sigmoid(slope * (threshold - distance))
    calibration: CalibrationReport | None = None  # older models do not say
    embedding: int
    split: dict[str, object]  # the rule and seed that kept the test identities out of training
    config_digest: str  # of the settings that shape a model
    tuned: dict[str, int | float] | None = None  # values that the Tuner found, in the place of the configuration's
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
          UserError: there is none, or it is not one of ours.
        """
        path = Path(model_dir) / FILE
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UserError(f"{model_dir}: not a model of this pipeline ({FILE} is missing)") from None
        except ValidationError as error:
            raise UserError(f"{path}: not readable as a model manifest: {error.errors()[0]['msg']}") from None
