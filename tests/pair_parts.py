"""The manifest of a pairs artifact that a test writes by itself."""

from pathlib import Path

from models.checksums import checksum
from models.data.pairs_artifact import MANIFEST, images_part, manifest_text


def declare_images(artifact: Path, *splits: str) -> None:
    """Declares all files that lie in ``images/<split>`` of an artifact."""
    files = {images_part(split): sorted((artifact / images_part(split)).iterdir()) for split in splits}
    parts = {part: [checksum(file.name, [file.read_bytes()]) for file in several] for part, several in files.items()}
    (artifact / MANIFEST).write_text(manifest_text(parts), encoding="utf-8")
