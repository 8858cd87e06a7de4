"""From the text of a list of pairs to its pairs. Pure.

Three forms. CSV with the columns ``image_a,image_b,same``, others beside them. Lines of ``image_a image_b 1``, or with
the label first, as VoxCeleb's lists have it. LFW's ``pairs.txt`` and ``pairsDevTest.txt`` (Huang et al. 2007): numbers
in the first line, then ``name n1 n2`` for two images of one person and ``name1 n1 name2 n2`` for images of two; image n
lies at ``name/name_000n``, of any ending.
"""

import csv
import io
from collections.abc import Iterator
from typing import NamedTuple

from components.storage.list_errors import LineErrors, decode_text
from models.errors import UserError

COLUMNS = ("image_a", "image_b", "same")
_LABELS = {"0": 0, "1": 1}


class ListedPair(NamedTuple):
    """One pair: paths as written (LFW's without an ending), ``same`` 1 genuine, 0 impostor."""

    line: int
    a: str
    b: str
    same: int


def parse_pairs(name: str, data: bytes, *, distinct: bool = True) -> list[ListedPair]:
    """The pairs of a list, in its order.

    Args:
      name: what messages call it; one that ends with .csv is CSV, any other is told by its first line.
      data: all of it.
      distinct: whether an image with itself, and the same two images twice, are mistakes.

    Raises:
      UserError: line by line, what is wrong and what would be right.
    """
    text = decode_text(name, data)
    mistakes = LineErrors(name)
    first = text.partition("\n")[0]
    is_csv = name.lower().endswith(".csv") or ("," in first and COLUMNS[0] in first)
    pairs: list[ListedPair] = []
    seen: dict[tuple[str, str], ListedPair] = {}
    for pair in _csv(name, text, mistakes) if is_csv else _lines(text, mistakes):
        if distinct and pair.a == pair.b:
            mistakes.add(pair.line, f"{pair.a!r} is paired with itself")
            continue
        before = seen.setdefault((min(pair.a, pair.b), max(pair.a, pair.b)), pair)
        if distinct and before is not pair:
            also = "" if before.same == pair.same else ", and says the contrary"
            mistakes.add(pair.line, f"{pair.a!r} and {pair.b!r} are a pair in line {before.line} already{also}")
            continue
        pairs.append(pair)
    mistakes.check()
    if not pairs:
        raise UserError(f"{name}: holds no pairs")
    return pairs


def _csv(name: str, text: str, mistakes: LineErrors) -> Iterator[ListedPair]:
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""))
        missing = [column for column in COLUMNS if column not in (reader.fieldnames or [])]
        if missing:
            raise UserError(f"{name}: column {missing[0]} is missing; it must have {','.join(COLUMNS)}")
        for row in reader:
            values = [(row[column] or "").strip() for column in COLUMNS]
            if values[2] not in _LABELS or not values[0] or not values[1]:
                told = ",".join(str(row[column]) for column in COLUMNS)
                mistakes.add(reader.line_num, f"{told!r} must be two paths and same = 1 or 0")
                continue
            yield ListedPair(reader.line_num, values[0], values[1], _LABELS[values[2]])
    except csv.Error as error:
        raise UserError(f"{name}: not a CSV: {error}") from None


def _lines(text: str, mistakes: LineErrors) -> Iterator[ListedPair]:
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.strip()
        if not stripped:
            continue
        fields = [field.strip() for field in stripped.split("\t")] if "\t" in stripped else stripped.split()
        if number == 1 and all(field.isdecimal() for field in fields):
            continue  # LFW: folds, and pairs of each kind in one
        pair = _pair(number, fields)
        if pair is None:
            mistakes.add(
                number,
                f"{stripped[:80]!r} must be 'image_a image_b 1' (or 0), or LFW's 'name 1 2' or 'name 1 other 2'",
            )
        else:
            yield pair


def _pair(line: int, fields: list[str]) -> ListedPair | None:
    if len(fields) == 3 and fields[1].isdecimal() and fields[2].isdecimal():
        return ListedPair(line, _lfw(fields[0], fields[1]), _lfw(fields[0], fields[2]), 1)
    if len(fields) == 3 and fields[2] in _LABELS:
        return ListedPair(line, fields[0], fields[1], _LABELS[fields[2]])
    if len(fields) == 3 and fields[0] in _LABELS:
        return ListedPair(line, fields[1], fields[2], _LABELS[fields[0]])
    if len(fields) == 4 and fields[1].isdecimal() and fields[3].isdecimal():
        return ListedPair(line, _lfw(fields[0], fields[1]), _lfw(fields[2], fields[3]), 0)
    return None


def _lfw(name: str, number: str) -> str:
    return f"{name}/{name}_{int(number):04d}"
