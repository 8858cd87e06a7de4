"""Small models as far as a serving folder looks at them."""

from pathlib import Path

from components.serving_folder.serving_folder import open_storage
from components.serving_folder.storage import model_digest
from models.export.manifest import ModelManifest
from models.settings import ImageSettings


def write_model(path: Path, digest: str, weights: str = "w") -> Path:
    (path / "variables").mkdir(parents=True)
    (path / "saved_model.pb").write_text(f"graph {digest}")
    (path / "variables" / "variables.index").write_text(weights)
    ModelManifest(
        model_digest=digest,
        image=ImageSettings(),
        distance="euclidean",
        threshold=0.5,
        slope=4.0,
        embedding=64,
        split={},
        config_digest="c",
        versions={},
    ).write(path)
    return path


def write_foreign(path: Path, text: str = "foreign") -> Path:
    path.mkdir(parents=True)
    (path / "saved_model.pb").write_text(text)
    return path


def tree(path: Path) -> dict[str, bytes]:
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def served_digest(serving_dir: Path | str) -> str:
    """The digest of the model that serves, or "none"."""
    storage = open_storage(serving_dir)
    complete = storage.versions()
    return model_digest(storage.files(complete[-1])) if complete else "none"
