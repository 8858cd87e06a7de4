"""An earlier version serves again: its bytes, under a new and highest version."""

from dataclasses import dataclass
from pathlib import Path

from components.serving_folder import publication
from components.serving_folder.backend import ServingPlace
from components.serving_folder.history import Trail
from components.serving_folder.model_files import ModelFiles, file_digests
from components.serving_folder.serving_folder import open_place
from models.errors import UserError


@dataclass(frozen=True)
class Rollback:
    """What a rollback did: ``version`` serves now, with the bytes of ``restored``; ``replaced`` did until then."""

    version: int
    restored: int
    replaced: int
    address: str


def roll_back(
    serving_dir: Path | str, to: int | None = None, reason: str = "", by: str | None = None, run_id: str | None = None
) -> Rollback:
    """Publishes an earlier version again.

    Args:
      serving_dir: a folder or an address.
      to: the version to restore; default: the one that served before the current one, as the history tells. From a
        rollback that is what served before the version it restored.
      reason: why, for the history.
      by: who; default: the user of this process.
      run_id: of the run that asked for it, if any.

    Raises:
      UserError: nothing to go back to, an unknown or damaged version, or the very model that serves.
    """
    place = open_place(serving_dir)
    if not place.versions():
        raise UserError(f"{place.address}: no version serves there; there is nothing to roll back")
    with publication.writing(place, 0) as trail:
        replaced = trail.complete[-1]
        restored = _checked(place, trail, _default(place, trail) if to is None else to)
        source = place.files(restored)
        place.check_room(sum(source.sizes().values()))
        version = publication.publish(
            place,
            trail,
            source,
            action="rollback",
            restored=restored,
            reason=reason,
            run_id=run_id,
            **({"by": by} if by else {}),
        )
    return Rollback(version, restored, replaced, place.version_address(version))


def _default(place: ServingPlace, trail: Trail) -> int:
    target = trail.rollback_target()
    if target is None:
        others = _listed(trail, trail.complete[:-1])
        hint = f"say --to with one of {others}" if others else "no other version is there"
        raise UserError(
            f"{place.address}: no other model served before version {trail.serving} and is still there; {hint}"
        )
    return target


def _checked(place: ServingPlace, trail: Trail, version: int) -> int:
    where = place.version_address(version)
    if version not in trail.complete:
        raise UserError(f"{where}: there is no such version; there are {_listed(trail, trail.complete)}")
    if version == trail.serving:
        raise UserError(f"{where}: this version serves already; nothing was done")
    if damage := publication.damaged(place, trail, version):
        raise UserError(f"{where}: damaged: {damage}; it stays where it is, say --to with another version")
    if _same(place, trail, place.files(version)):
        raise UserError(f"{where}: the very model that serves, as version {trail.serving}; nothing was done")
    return version


def _same(place: ServingPlace, trail: Trail, source: ModelFiles) -> bool:
    """Whether going there would change no byte of what serves."""
    current = trail.complete[-1]
    return file_digests(place.files(current)) == file_digests(source) or publication.serves_already(
        place, trail, source
    )


def _listed(trail: Trail, versions: tuple[int, ...]) -> str:
    return ", ".join(f"{one} (serves)" if one == trail.serving else str(one) for one in versions)
