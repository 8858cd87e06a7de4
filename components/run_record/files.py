"""Where the artifacts of a run are stored. Needs neither TFX nor TensorFlow."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from google.protobuf.struct_pb2 import Struct
from ml_metadata.proto import metadata_store_pb2 as mlmd

from models.data.features import AUGMENTED
from models.errors import UserError
from models.export.manifest import CARD_FILE, ModelManifest

# Name of each artifact here and among the inputs of RunReport -> (node, output key). The verdicts of gates are found by
# their type instead, except that the report also shows the distances beside AnomalyGate's.
SOURCES = {
    "images_report": ("ImageExampleGen", "report"),
    "statistics": ("StatisticsGen", "statistics"),
    "anomalies": ("ExampleValidator", "anomalies"),
    "anomaly_verdict": ("AnomalyGate", "verdict"),
    "pairs_report": ("PairGenerator", "report"),
    "pairs": ("PairGenerator", "pairs"),
    "model": ("Trainer", "model"),
    "model_run": ("Trainer", "model_run"),
    "evaluation": ("Evaluator", "evaluation"),
    "scores": ("PairScores", "scores"),
    "measures": ("ModelGate", "measures"),
    "card": ("ModelCard", "card"),
    "pushed_model": ("Pusher", "pushed_model"),
    "outcome": ("Outcome", "outcome"),
    "baseline": ("Baseline", "found"),
}


class ArtifactRecord(NamedTuple):
    """An artifact: its URI and its properties."""

    uri: str
    properties: Mapping[str, str | int | float]

    @classmethod
    def of(cls, artifact: mlmd.Artifact) -> "ArtifactRecord":
        """From the metadata store's form."""
        both = {**artifact.properties, **artifact.custom_properties}
        values = {key: getattr(value, kind) for key, value in both.items() if (kind := value.WhichOneof("value"))}
        return cls(artifact.uri, {key: _single(value) for key, value in values.items()})


def _single(value: Any) -> Any:
    """On Kubeflow each property arrives as a structure with one value, and each number as a float."""
    return value["__value__"] if isinstance(value, Struct) and "__value__" in value else value


class RunFiles:
    """The files of a run, as far as it came.

    Args:
      artifacts: by their names in ``SOURCES``; only of nodes that finished.
      verdicts: those of the type ``GateVerdict``, by node, in the order of the graph; likewise.
    """

    def __init__(
        self, artifacts: Mapping[str, ArtifactRecord], verdicts: Mapping[str, ArtifactRecord] | None = None
    ) -> None:
        self._artifacts, self._verdicts = artifacts, verdicts or {}

    def folder(self, name: str) -> Path | None:
        """The folder of an artifact, if it exists."""
        found = self._artifacts.get(name)
        return Path(found.uri) if found and Path(found.uri).is_dir() else None

    def model_dir(self) -> Path | None:
        """The SavedModel that this run trained or reused."""
        model = self._artifacts.get("model")
        return Path(model.uri) / "Format-Serving" if model else None

    def augmented(self) -> Path | None:
        """The picture of augmented training images."""
        return self._file("model_run", AUGMENTED)

    def manifest(self) -> ModelManifest | None:
        """The manifest of the model that this run trained or reused; None if it is missing or damaged."""
        path = self.model_dir()
        try:
            return ModelManifest.read(path) if path else None
        except UserError:  # the ServingValidator refuses such a model, with the reason
            return None

    def card(self) -> Path | None:
        """The model card, Markdown."""
        return self._file("card", CARD_FILE)

    def quarantine(self) -> Path | None:
        """The listing of the files that were not used: path, reason, bytes."""
        return self._file("images_report", "quarantine.csv")

    def near_duplicates(self) -> Path | None:
        """The listing of near-duplicate images: paths, distance, identities, splits."""
        return self._file("images_report", "near_duplicates.csv")

    def _file(self, name: str, file: str) -> Path | None:
        found = self._artifacts.get(name)
        path = Path(found.uri) / file if found else None
        return path if path and path.is_file() else None
