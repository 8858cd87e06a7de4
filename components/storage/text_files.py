"""Text files that a user wrote, one record a line: their encoding, the separator of their columns, errors by line."""

import codecs
import csv
import io
import unicodedata
from collections.abc import Iterator
from typing import TYPE_CHECKING

from models.errors import UserError

if TYPE_CHECKING:
    import _csv

_SHOWN = 10
_SEPARATORS = ",;\t|"


class LineErrors:
    """Collects what is wrong with a file, to report it together."""

    def __init__(self, name: str, code: str) -> None:
        self.name, self._code, self._more = name, code, 0
        self._lines: list[str] = []

    def __len__(self) -> int:
        return len(self._lines) + self._more

    def add(self, line: int, what: str) -> None:
        """Adds an error; beyond the first few they are only counted."""
        if len(self._lines) < _SHOWN:
            self._lines.append(f"line {line}: {what}")
        else:
            self._more += 1

    def check(self) -> None:
        """Raises UserError if there were any."""
        if not self._lines:
            return
        if len(self) == 1:
            raise UserError(f"{self.name} {self._lines[0]}", code=self._code)
        more = [f"and {self._more:,} more"] if self._more else []
        message = "\n  ".join([f"{self.name}: {len(self):,} errors", *self._lines, *more])
        raise UserError(message, code=self._code)


def one_text(text: str) -> str:
    """One of all ways in which Unicode can write the same text: names from macOS have other bytes for é."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def decode_text(name: str, data: bytes) -> str:
    """The text of a file in UTF-8, or in UTF-16 with its mark, as Excel writes it; its lines ended by line feeds alone.

    Raises:
      UserError: it is of another encoding; the line is named.
    """
    marked = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and not data.startswith(codecs.BOM_UTF32_LE)
    try:
        text = data.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UserError(f"{name} line {line}: not UTF-8; save it as UTF-8", code="data-not-utf8") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def header_of(text: str) -> list[str]:
    """The column names in the first line of a CSV, in lower case; none where there is no such line."""
    try:
        return [name.strip().lower() for name in next(_reader(text), [])]
    except csv.Error:
        return []


def read_csv(text: str, errors: LineErrors) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows below the header, each with the number of its first line, by column name.

    The separator is a comma, a semicolon, a tab or a bar, as ``csv.Sniffer`` finds it in the header, whose names are in
    any case. Blanks around a value do not belong to it; lines without a value are skipped.

    Args:
      errors: where rows are added that have more or fewer fields than the header.

    Raises:
      UserError: it is not CSV; the line is named.
    """
    reader = _reader(text)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        end = reader.line_num
        for fields in reader:
            line, end = end + 1, reader.line_num  # a quoted field may hold line ends
            if not any(field.strip() for field in fields):
                continue
            if len(fields) == len(header):
                yield line, {name: value.strip() for name, value in zip(header, fields, strict=True)}
            else:
                errors.add(line, f"{len(fields)} fields, but {len(header)} columns ({','.join(header)})")
    except csv.Error as error:
        raise UserError(f"{errors.name} line {reader.line_num}: not CSV: {error}", code="data-not-csv") from None


def _reader(text: str) -> "_csv.Reader":
    try:
        separator = csv.Sniffer().sniff(text.partition("\n")[0], delimiters=_SEPARATORS).delimiter
    except csv.Error:  # one column
        separator = ","
    return csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True)
