"""Small models as far as a serving folder looks at them."""

from pathlib import Path

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
