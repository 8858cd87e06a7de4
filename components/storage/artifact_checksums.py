"""The checksums of an artifact, which a later run compares each time that it takes it from the cache."""

from pathlib import Path

from models import checksums


def checksums_file(artifact: Path) -> Path:
    """Where the checksums of ``<component>/<output>/<id>`` lie.

    Not within it, as TFX counts the files of some artifacts, and not beside it, where only artifacts are listed.
    """
    return artifact.parents[1] / ".checksums" / artifact.parent.name / f"{artifact.name}.json"


def write_checksums(artifact: Path) -> None:
    """Writes the checksums of an artifact that is complete."""
    path = checksums_file(artifact)
    path.parent.mkdir(parents=True, exist_ok=True)
    checksums.write_checksums(artifact, path)


def damage(artifact: Path) -> str | None:
    """How an artifact differs from its checksums: the first file that does, and how; None if none does."""
    return checksums.damage(artifact, checksums_file(artifact))
