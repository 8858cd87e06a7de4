"""The one reader of lists of pairs, for ``siamese evaluate`` and ``pairs.protocol``.

Three forms:

* CSV with the columns ``image_a,image_b,same``, others beside them; any separator that ``read_csv`` finds.
* Lines of ``image_a image_b 1``, or with the label first, as VoxCeleb's lists have it; separated by tabs where a line
  has one, else by blanks.
* LFW's ``pairs.txt`` and ``pairsDevTest.txt`` (Huang et al. 2007): one or two numbers in the first line (folds, pairs
  of each kind in one), then ``name n1 n2`` for two images of one person and ``name1 n1 name2 n2`` for images of two;
  image n is ``name/name_000n``, of any ending. The first line may be missing where no line could be of another form.

A list has one form, the first in which every line can be read: a line such as ``1001 1002 1`` does not decide alone.
A line that cannot be read is an error; none is dropped.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from components.storage.folders import read_file
from components.storage.text_files import LineErrors, decode_text, header_of, read_csv
from models.errors import UserError

COLUMNS = ("image_a", "image_b", "same")
_LABELS = {"0": 0, "1": 1}
_EXPECTED = "must be 'image_a image_b 1' (or 0), or LFW's 'name 1 2' or 'name 1 other 2'"


class LabelledPair(NamedTuple):
    """One pair: paths as written (LFW's without an ending), ``same`` 1 genuine, 0 impostor."""

    line: int
    a: str
    b: str
    same: int


def read_pair_list(address: str, *, distinct: bool = True) -> list[LabelledPair]:
    """The pairs of a list, local or in a store; see ``parse_pairs``."""
    return parse_pairs(address, read_file(address), distinct=distinct)


def read_pair_lists(addresses: Mapping[str, str]) -> dict[str, list[LabelledPair]]:
    """The list of each split that has one."""
    return {split: read_pair_list(address) for split, address in addresses.items()}


def parse_pairs(name: str, data: bytes, *, distinct: bool = True) -> list[LabelledPair]:
    """The pairs of a list, in its order.

    Args:
      name: for messages; one that ends with .csv is CSV, as is any other that begins with a header.
      data: all of it.
      distinct: whether an image with itself, and the same two images twice, are errors.

    Raises:
      UserError: which lines are wrong and what would be right.
    """
    text = decode_text(name, data)
    errors = line_errors(name)
    header = header_of(text)
    is_csv = name.lower().endswith(".csv") or (len(header) > 1 and not set(COLUMNS).isdisjoint(header))
    pairs = _parse_csv(text, header, errors) if is_csv else _parse_lines(text, errors)
    if distinct:
        _check_distinct(pairs, errors)
    errors.check()
    if not pairs:
        raise UserError(f"{name}: holds no pairs", code="data-pair-list-empty")
    return pairs


def line_errors(name: str) -> LineErrors:
    """Where the errors of a list of pairs are collected."""
    return LineErrors(name, "data-pair-list")


def _parse_csv(text: str, header: list[str], errors: LineErrors) -> list[LabelledPair]:
    missing = [column for column in COLUMNS if column not in header]
    if missing:
        message = f"{errors.name}: column {missing[0]} is missing; it must have {','.join(COLUMNS)}"
        raise UserError(message, code="data-pair-list")
    pairs = []
    for line, row in read_csv(text, errors):
        a, b, same = (row[column] for column in COLUMNS)
        if a and b and same in _LABELS:
            pairs.append(LabelledPair(line, a, b, _LABELS[same]))
        else:
            errors.add(line, f"'{a},{b},{same}' must be two paths and same = 1 or 0")
    return pairs


def _parse_lines(text: str, errors: LineErrors) -> list[LabelledPair]:
    lines = list(_split_lines(text))
    has_header = bool(lines) and len(lines[0][1]) <= 2 and all(field.isdecimal() for field in lines[0][1])
    forms = [_lfw] if has_header else [_label_last, _label_first, _lfw]
    lines = lines[has_header:]
    read = [[form(line, fields) for line, fields in lines] for form in forms]
    best = min(read, key=lambda pairs: pairs.count(None))  # the first of equals
    for (line, fields), pair in zip(lines, best, strict=True):
        if pair is None:
            errors.add(line, f"{' '.join(fields)[:80]!r} {_EXPECTED}")
    return [pair for pair in best if pair is not None]


def _split_lines(text: str) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.strip()
        if stripped:
            yield number, [field.strip() for field in stripped.split("\t")] if "\t" in stripped else stripped.split()


def _label_last(line: int, fields: list[str]) -> LabelledPair | None:
    if len(fields) == 3 and fields[2] in _LABELS:
        return LabelledPair(line, fields[0], fields[1], _LABELS[fields[2]])
    return None


def _label_first(line: int, fields: list[str]) -> LabelledPair | None:
    return _label_last(line, fields[1:] + fields[:1])


def _lfw(line: int, fields: list[str]) -> LabelledPair | None:
    if len(fields) == 3 and fields[1].isdecimal() and fields[2].isdecimal():
        return LabelledPair(line, _lfw_path(fields[0], fields[1]), _lfw_path(fields[0], fields[2]), 1)
    if len(fields) == 4 and fields[1].isdecimal() and fields[3].isdecimal():
        return LabelledPair(line, _lfw_path(fields[0], fields[1]), _lfw_path(fields[2], fields[3]), 0)
    return None


def _lfw_path(name: str, number: str) -> str:
    return f"{name}/{name}_{int(number):04d}"


def _check_distinct(pairs: list[LabelledPair], errors: LineErrors) -> None:
    first: dict[tuple[str, str], LabelledPair] = {}
    for pair in pairs:
        if pair.a == pair.b:
            errors.add(pair.line, f"{pair.a!r} is paired with itself")
            continue
        before = first.setdefault((min(pair.a, pair.b), max(pair.a, pair.b)), pair)
        if before is not pair:
            also = "" if before.same == pair.same else ", with the other label"
            errors.add(pair.line, f"{pair.a!r} and {pair.b!r} are a pair in line {before.line} already{also}")
