"""Errors in a list that a user wrote: collected, and reported together with their lines."""

from models.errors import UserError

_SHOWN = 10


class LineErrors:
    """Collects what is wrong with a file."""

    def __init__(self, name: str) -> None:
        self._name, self._more = name, 0
        self._lines: list[str] = []

    def add(self, line: int, what: str) -> None:
        """Remembers a mistake; beyond the first few they are only counted."""
        if len(self._lines) < _SHOWN:
            self._lines.append(f"line {line}: {what}")
        else:
            self._more += 1

    def check(self) -> None:
        """Raises UserError if there were any."""
        if not self._lines:
            return
        if len(self._lines) == 1:
            raise UserError(f"{self._name} {self._lines[0]}")
        more = [f"and {self._more:,} more"] if self._more else []
        raise UserError("\n  ".join([f"{self._name}: {len(self._lines) + self._more:,} mistakes", *self._lines, *more]))


def decode_text(name: str, data: bytes) -> str:
    """The text of a file.

    Raises:
      UserError: it is not UTF-8; the line is named.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UserError(f"{name} line {line}: not UTF-8; save it as UTF-8") from None
