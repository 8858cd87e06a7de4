"""Rollback: the bytes of an earlier version under a new, highest version."""

from dataclasses import dataclass
from pathlib import Path

from components.serving_folder import publication
from components.serving_folder.history import ServingHistory
from components.serving_folder.model_files import file_digests
from components.serving_folder.serving_folder import open_storage
from components.serving_folder.storage import ServingStorage
from models.errors import UserError


@dataclass(frozen=True)
class Rollback:
    """The result: ``version`` serves now, with the bytes of ``restored``; ``replaced`` served before."""

    version: int
    restored: int
    replaced: int
    address: str


def roll_back(
    serving_dir: Path | str, to: int | None = None, reason: str = "", by: str | None = None, run_id: str | None = None
) -> Rollback:
    """Publishes an earlier version again.

    Args:
      serving_dir: a path or a URL.
      to: the version to restore; default: the one that served before the current one, by the history. From a rollback
        that is the version before the one it restored.
      reason: why, for the history.
      by: who; default: the user of this process.
      run_id: of the run that asked for it, if any.

    Raises:
      UserError: no earlier version, an unknown or damaged one, or the model that serves already.
    """
    storage = open_storage(serving_dir)
    if not storage.versions():
        message = f"{storage.address}: no version serves there; there is nothing to roll back"
        raise UserError(message, "model-nothing-served")
    with publication.writing(storage, 0) as history:
        replaced = history.complete[-1]
        restored = _checked(storage, history, _default(storage, history) if to is None else to)
        source = storage.files(restored)
        storage.check_space(sum(source.sizes().values()))
        version = publication.publish(
            storage,
            history,
            source,
            action="rollback",
            restored=restored,
            reason=reason,
            run_id=run_id,
            **({"by": by} if by else {}),
        )
    return Rollback(version, restored, replaced, storage.version_address(version))


def _default(storage: ServingStorage, history: ServingHistory) -> int:
    target = history.rollback_target()
    if target is None:
        others = _names(history, history.complete[:-1])
        hint = f"choose one with --to: {others}" if others else "no other version exists"
        message = f"{storage.address}: no other model that served before version {history.serving} still exists; {hint}"
        raise UserError(message, "model-no-earlier-version")
    return target


def _checked(storage: ServingStorage, history: ServingHistory, version: int) -> int:
    where = storage.version_address(version)
    if version not in history.complete:
        message = f"{where}: there is no such version; there are {_names(history, history.complete)}"
        raise UserError(message, "model-unknown-version")
    if version == history.serving:
        raise UserError(f"{where}: this version serves already; nothing was changed", "model-already-serves")
    if damage := publication.damaged(storage, history, version):
        raise UserError(f"{where}: damaged: {damage}; choose another version with --to", "model-damaged")
    current = storage.files(history.complete[-1])
    source = storage.files(version)
    if file_digests(current) == file_digests(source) or publication.serves_already(storage, history, source):
        message = f"{where}: the same model as version {history.serving}, which serves; nothing was changed"
        raise UserError(message, "model-already-serves")
    return version


def _names(history: ServingHistory, versions: tuple[int, ...]) -> str:
    return ", ".join(f"{one} (serves)" if one == history.serving else str(one) for one in versions)
