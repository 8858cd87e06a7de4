"""The loaded versions: the highest one of a serving folder that loads, and those that labels name."""

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from components.serving_folder.serving_folder import damage
from components.serving_folder.serving_folder import versions as complete_versions
from models.errors import UserError
from models.user_files import shown
from pipeline.serving.server.admission import RequestError, bad_request

STABLE = "stable"
NOT_FOUND = "model-not-found"
AVAILABLE, LOADING, END = "AVAILABLE", "LOADING", "END"

_log = logging.getLogger("siamese.server")
_HIGHEST = 2**63 - 1
PATH_NAME = re.compile(r"[\w.-]{1,200}", re.ASCII)  # of a model or a label


class Numbered(Protocol):
    """A loaded version."""

    @property
    def number(self) -> int: ...


class _Refusal(NamedTuple):
    """Why a version is not loaded, and the error's code, while its files are in this state."""

    state: object
    reason: str
    code: str

    @classmethod
    def of(cls, error: Exception, state: object = None) -> "_Refusal":
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return cls(state, reason, error.code if isinstance(error, UserError) else NOT_FOUND)


class Versions:
    """Polls a folder, as TensorFlow Serving does: the highest version serves.

    A version that does not load is ignored until its files change, and the previous one stays in service. A version
    that is deleted from the folder serves until there is another one.

    Args:
      model: a serving folder, or one SavedModel, which never changes.
      labels: names for versions; the default of ``stable`` is the one that serves.
      load: (version, folder) to a loaded version; raises UserError.
    """

    def __init__(self, model: Path, labels: Mapping[str, int], load: Callable[[int, Path], Numbered]) -> None:
        self._model, self._labels, self._load = model, dict(labels), load
        self._single = (model / "saved_model.pb").is_file()
        self._loaded: dict[int, Numbered] = {}  # replaced, never changed: read by other threads
        self._current: Numbered | None = None
        self._loading: int | None = None
        self._refused: dict[int, _Refusal] = {}
        self._unreadable: _Refusal | None = None  # of the folder itself

    @property
    def current(self) -> Numbered:
        """The version that serves.

        Raises:
          RequestError: 503, there is none yet.
        """
        if self._current is None:
            raise RequestError(503, "no version is loaded yet")
        return self._current

    @property
    def empty(self) -> bool:
        """Whether no version is loaded."""
        return self._current is None

    def refresh(self) -> None:
        """Loads new versions of the folder and releases those no longer needed; returns when they are loaded.

        A request in progress keeps its version until it is answered.
        """
        found = self._found()
        self._refused = {number: error for number, error in self._refused.items() if number in found}
        newest = next((one for number in sorted(found, reverse=True) if (one := self._loadable(number, found))), None)
        if newest is None:
            return
        named = (self._loadable(n, found) for n in self._labels.values() if n in found and n != newest.number)
        previous = self._current
        self._loaded = {one.number: one for one in (newest, *named) if one}
        self._current = newest
        if previous is None or previous.number != newest.number:
            _log.info("version %d serves%s", newest.number, f" in place of {previous.number}" if previous else "")

    def find(self, version: str | None = None, label: str | None = None) -> Numbered:
        """A loaded version: by number, by label, or the one that serves.

        Raises:
          RequestError: 404, not loaded; 400, not a number.
        """
        if label is not None:
            if label not in self._labels:
                if label == STABLE:
                    return self.current
                raise RequestError(404, f"Unrecognized servable version label: {label[:40]}")
            version = str(self._labels[label])
        if version is None:
            return self.current
        number = self._number(version)
        if number not in self._loaded:
            reason = f" ({self._refused[number].reason})" if number in self._refused else ""
            raise RequestError(404, f"Servable not found for request: Specific({number}){reason}")
        return self._loaded[number]

    def states(self, version: str | None = None, label: str | None = None) -> list[tuple[int, str, str]]:
        """(version, state, error) of all versions, highest first, or of one.

        Raises:
          RequestError: 404, there is no such version.
        """
        known = {number: (number, END, one.reason) for number, one in self._refused.items()}
        if (loading := self._loading) is not None:
            known[loading] = (loading, LOADING, "")
        known |= {number: (number, AVAILABLE, "") for number in self._loaded}
        if label is not None:
            version = str(self.find(label=label).number)
        if version is None:
            return [known[number] for number in sorted(known, reverse=True)]
        number = self._number(version)
        if number not in known:
            raise RequestError(404, f"Could not find version {number} of the model")
        return [known[number]]

    def errors(self) -> str:
        """The errors of versions that did not load, or of the folder, in one line."""
        return "; ".join(one.reason for one in self._refusals())

    def code(self) -> str:
        """The code of the error of the highest version that did not load."""
        return next((one.code for one in self._refusals()), NOT_FOUND)

    def _refusals(self) -> list[_Refusal]:
        refused = [self._refused[number] for number in sorted(self._refused, reverse=True)]
        return refused or [one for one in [self._unreadable] if one]

    def _loadable(self, number: int, found: Mapping[int, Path]) -> Numbered | None:
        if number in self._loaded:
            return self._loaded[number]
        state = _state_of(found[number])
        if number in self._refused and self._refused[number].state == state:
            return None
        self._loading = number
        try:
            if not self._single and (what := damage(self._model, number)):
                raise UserError(f"{found[number]}: the model is damaged: {what}", "model-damaged")
            loaded = self._load(number, found[number])
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a new version, the old one serves
            self._refused[number] = _Refusal.of(error, state)
            _log.warning("version %d not loaded: %s", number, self._refused[number].reason)
            return None
        finally:
            self._loading = None
        self._refused.pop(number, None)
        return loaded

    def _found(self) -> dict[int, Path]:
        if self._single:
            return {int(self._model.name) if self._model.name.isdecimal() else 1: self._model}
        try:
            complete = set(complete_versions(self._model))
            numbered = {int(path.name): path for path in self._model.iterdir() if _is_number(path.name)}
        except (OSError, UserError) as error:
            self._unreadable = _Refusal.of(error)
            _log.warning("%s: %s", self._model, error)
            return {}
        self._unreadable = None
        return {number: path for number, path in numbered.items() if number in complete}

    def _number(self, text: str) -> int:
        if not _is_number(text) or int(text) > _HIGHEST:
            raise bad_request(f"Failed to convert version: {text[:40]} to numeric")
        return int(text)


def parse_labels(options: Iterable[str]) -> dict[str, int]:
    """Parses ``label=version`` options.

    Raises:
      UserError: one is malformed.
    """
    labels = {}
    for one in options:
        label, _, number = one.partition("=")
        if not PATH_NAME.fullmatch(label) or not _is_number(number):
            raise UserError(f"--label {shown(one)}: must be LABEL=VERSION, such as canary=3", "config-invalid-option")
        labels[label] = int(number)
    return labels


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 19


def _state_of(folder: Path) -> object:
    """Changes whenever a file below is written or replaced."""
    try:
        files = [(str(path), path.stat()) for path in sorted(folder.rglob("*"))]
        return [(name, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino) for name, stat in files]
    except OSError as error:
        return str(error)
