"""Where the artifacts of a run lie. Needs neither TFX nor TensorFlow."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from google.protobuf.struct_pb2 import Struct
from ml_metadata.proto import metadata_store_pb2 as mlmd

from models.data.features import AUGMENTED
from models.errors import UserError
from models.export.manifest import CARD_FILE, ModelManifest

# What each artifact is called here and among the inputs of RunReport: the node that gives it, and its own key there.
SOURCES = {
    "images_report": ("ImageExampleGen", "report"),
    "statistics": ("StatisticsGen", "statistics"),
    "anomalies": ("ExampleValidator", "anomalies"),
    "anomaly_verdict": ("AnomalyGate", "verdict"),
    "new_data_verdict": ("NewData", "verdict"),
    "pairs_report": ("PairGenerator", "report"),
    "pairs": ("PairGenerator", "pairs"),
    "model": ("Trainer", "model"),
    "model_run": ("Trainer", "model_run"),
    "evaluation": ("Evaluator", "evaluation"),
    "scores": ("PairScores", "scores"),
    "measures": ("ModelGate", "measures"),
    "gate_verdict": ("ModelGate", "verdict"),
    "infra_verdict": ("ServingValidator", "verdict"),
    "card": ("ModelCard", "card"),
    "pushed_model": ("Pusher", "pushed_model"),
    "baseline": ("Baseline", "found"),
}


class Given(NamedTuple):
    """An artifact: where it lies, and what its properties say."""

    uri: str
    properties: Mapping[str, str | int | float]

    @classmethod
    def of(cls, artifact: mlmd.Artifact) -> "Given":
        """As the metadata store has it."""
        both = {**artifact.properties, **artifact.custom_properties}
        values = {key: getattr(value, kind) for key, value in both.items() if (kind := value.WhichOneof("value"))}
        return cls(artifact.uri, {key: _single(value) for key, value in values.items()})


def _single(value: Any) -> Any:
    """On Kubeflow each property arrives as a structure with one value, and each number as a float."""
    return value["__value__"] if isinstance(value, Struct) and "__value__" in value else value


class RunFiles:
    """What a run left, as far as it came.

    Args:
      artifacts: by their names in ``SOURCES``; only of nodes that ended.
    """

    def __init__(self, artifacts: Mapping[str, Given]) -> None:
        self._artifacts = artifacts

    def folder(self, name: str) -> Path | None:
        """Where an artifact lies, if it was made and is still there."""
        found = self._artifacts.get(name)
        return Path(found.uri) if found and Path(found.uri).is_dir() else None

    def model_dir(self) -> Path | None:
        """The SavedModel that this run trained or reused."""
        model = self._artifacts.get("model")
        return Path(model.uri) / "Format-Serving" if model else None

    def augmented(self) -> Path | None:
        """The picture of distorted training images."""
        return self._file("model_run", AUGMENTED)

    def manifest(self) -> ModelManifest | None:
        """What the model that this run trained or reused says of itself; none where that is missing or damaged."""
        path = self.model_dir()
        try:
            return ModelManifest.read(path) if path else None
        except UserError:  # the ServingValidator refuses such a model, and says why
            return None

    def card(self) -> Path | None:
        """The model card, Markdown."""
        return self._file("card", CARD_FILE)

    def quarantine(self) -> Path | None:
        """The listing of the files that were not used: path, reason, bytes."""
        return self._file("images_report", "quarantine.csv")

    def near_duplicates(self) -> Path | None:
        """The listing of images that look the same: paths, distance, identities, splits."""
        return self._file("images_report", "near_duplicates.csv")

    def _file(self, name: str, file: str) -> Path | None:
        found = self._artifacts.get(name)
        path = Path(found.uri) / file if found else None
        return path if path and path.is_file() else None
