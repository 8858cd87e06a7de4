"""Where the checksums of an artifact lie: a later run compares them each time that it takes it from the cache."""

from pathlib import Path

from models import checksums


def checksums_file(artifact: Path) -> Path:
    """Beside the artifact, not within it: TFX counts the files of some."""
    return artifact.with_name(f"{artifact.name}.checksums.json")


def write_checksums(artifact: Path) -> None:
    """Writes the checksums of an artifact that is complete."""
    checksums.write_checksums(artifact, checksums_file(artifact))


def damage(artifact: Path) -> str | None:
    """How an artifact differs from its checksums: the first file that does, and how; None if none does."""
    return checksums.damage(artifact, checksums_file(artifact))
