"""A new, highest version of a serving folder: a push of a SavedModel, or a rollback to an earlier version's bytes."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from components.serving_folder import publication
from components.serving_folder.history import ServingHistory
from components.serving_folder.serving_folder import open_storage
from components.serving_folder.storage import (
    SAVED_MODEL,
    ExtendedFiles,
    FolderFiles,
    ServingStorage,
    file_digests,
    is_saved_model,
    model_digest,
    user_errors,
)
from models.checksums import model_damage
from models.errors import UserError


@dataclass(frozen=True)
class Provenance:
    """What the history records of a push.

    Attributes:
      by: who; default: the user of this process, at its machine.
      reason: why this model may serve, in a sentence.
      run_id: of the run that made it.
      config_digest: of that run's configuration.
    """

    by: str | None = None
    reason: str = ""
    run_id: str | None = None
    config_digest: str | None = None


@dataclass(frozen=True)
class PushResult:
    """The result of a push.

    Attributes:
      version: that serves now; 0 if none does.
      pushed: False if the identical model already served, or the push was declined.
      address: of the version.
      declined: why nothing was pushed, in a sentence; "" if it was pushed or served already.
    """

    version: int
    pushed: bool
    address: str
    declined: str = ""

    @property
    def path(self) -> Path:
        """The version's folder on a mounted file system."""
        return Path(self.address)


@dataclass(frozen=True)
class Blessing:
    """That gates blessed the model: ``baseline`` is the version that served then, or None."""

    baseline: int | None


@dataclass(frozen=True)
class Rollback:
    """The result: ``version`` serves now, with the bytes of ``restored``; ``replaced`` served before."""

    version: int
    restored: int
    replaced: int
    address: str


def push(
    model_dir: Path | str,
    serving_dir: Path | str,
    provenance: Provenance | None = None,
    keep: int | None = None,
    blessing: Blessing | None = None,
    extra: Mapping[str, Path] | None = None,
) -> PushResult:
    """Makes the SavedModel at ``model_dir`` the version that serves, unless it serves already.

    Removes what an interrupted push left behind, and the versions beyond ``keep``; a failure of that is logged and
    recorded, and does not fail the push.

    Args:
      serving_dir: a path or a URL.
      keep: how many versions stay; default: all.
      blessing: if given, the push is declined if another version serves since, or if this model was rolled back.
      extra: additional files of the version, by name; not part of the model.

    Raises:
      FileNotFoundError: ``model_dir`` holds no SavedModel.
      UserError: the model is damaged, or ``serving_dir`` cannot be written to or is full; nothing is visible then.
      OSError: the copy failed or differs; nothing is visible then.
    """
    source = FolderFiles(Path(model_dir))
    if not is_saved_model(source):
        raise FileNotFoundError(f"{model_dir}: not a SavedModel ({SAVED_MODEL[0]} is missing)")
    if damage := model_damage(source.folder):
        raise UserError(f"the model is damaged, and was not pushed: {damage}", "model-damaged")
    storage, provenance = open_storage(serving_dir), provenance or Provenance()
    with publication.writing(storage, sum(source.sizes().values())) as history:
        current = history.serving
        if current is not None and publication.serves_already(storage, history, source):
            return PushResult(current, False, storage.version_address(current))
        if blessing and (declined := _declined(blessing, history, model_digest(source))):
            return PushResult(current or 0, False, storage.address, declined)
        files = ExtendedFiles(source, extra or {})
        version = publication.publish(storage, history, files, action="push", **asdict(provenance))
        if keep is not None:
            publication.prune(storage, keep)
    return PushResult(version, True, storage.version_address(version))


def roll_back(
    serving_dir: Path | str, to: int | None = None, reason: str = "", by: str | None = None, run_id: str | None = None
) -> Rollback:
    """Publishes an earlier version again.

    Args:
      serving_dir: a path or a URL.
      to: the version to restore; default: the one that served before the current one, by the history. From a rollback
        that is the version before the one it restored.
      by: who; default: the user of this process.

    Raises:
      UserError: no earlier version, an unknown or damaged one, or the model that serves already.
    """
    storage = open_storage(serving_dir)
    with user_errors(storage.address, "read"):
        nothing_serves = not storage.versions()
    if nothing_serves:
        message = f"{storage.address}: no version serves there; there is nothing to roll back"
        raise UserError(message, "model-nothing-served")
    with publication.writing(storage, 0) as history:
        replaced = history.complete[-1]
        restored = _checked(storage, history, _default(storage, history) if to is None else to)
        source = storage.files(restored)
        storage.check_space(sum(source.sizes().values()))
        version = publication.publish(
            storage, history, source, action="rollback", restored=restored, reason=reason, run_id=run_id, by=by
        )
    return Rollback(version, restored, replaced, storage.version_address(version))


def _declined(blessing: Blessing, history: ServingHistory, digest: str) -> str:
    """Why a blessed model is not pushed after all; "" if there is no reason."""
    if history.serving != blessing.baseline:
        then = f"version {blessing.baseline} served" if blessing.baseline is not None else "nothing served"
        now = f"version {history.serving} does" if history.serving is not None else "nothing does"
        return f"when this model was evaluated {then}, now {now}: run again to compare with that"
    if event := history.rolled_back(digest):
        why = f": {event.reason}" if event.reason else ""
        return (
            f"this model, then version {event.replaced}, was rolled back by {event.by} "
            f"on {event.at:%Y-%m-%d}{why}; to serve it again: siamese rollback --to {event.replaced}"
        )
    return ""


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
