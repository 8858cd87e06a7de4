"""Lists of pairs that a user made, for ``siamese evaluate`` and ``pairs.protocol``, and the images that they name.

Three forms:

* CSV with the columns ``image_a,image_b,same``, in any case, others beside them; any separator that ``read_csv`` finds.
* Lines of ``image_a image_b 1``, or with the label first, as VoxCeleb's lists have it; separated by tabs where a line
  has one, else by blanks; ``image_a image_b same`` or ``same image_a image_b`` may be the first line, and
  must be where two forms fit every line with different labels, as they fit ``1 5 0``.
* LFW's ``pairs.txt`` and ``pairsDevTest.txt`` (Huang et al. 2007): one or two numbers in the first line (folds, pairs
  of each kind in one), then ``name n1 n2`` for two images of one person and ``name1 n1 name2 n2`` for images of two;
  image n is ``name/name_000n``, of any ending. The first line may be missing where no line could be of another form.

A list has one form, the first in which every line can be read: a line such as ``1001 1002 1`` does not decide alone.
A line that cannot be read is an error; none is dropped.

A label is 1, true, yes, same, genuine or 0, false, no, different, impostor, in any case; also +1 and -1.

A name stands for the image of that path, or of the one image of that path without its ending. ``./`` and the normal
form of its Unicode characters make no difference.
"""

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from components.storage.folders import LocalFolder, beginning_of, read_file
from components.storage.image_walk import why_not_an_image
from components.storage.text_files import LineErrors, decode_text, header_of, one_text, read_csv
from models.errors import UserError
from models.user_files import shown

COLUMNS = ("image_a", "image_b", "same")
_LABELS = {
    **dict.fromkeys(("1", "+1", "1.0", "true", "yes", "same", "genuine", "positive", "match"), 1),
    **dict.fromkeys(("0", "-1", "0.0", "false", "no", "different", "impostor", "negative", "mismatch"), 0),
}
_EXPECTED = "must be 'image_a image_b 1' (or 0), or LFW's 'name 1 2' or 'name 1 other 2'"
_NAMED = 3  # of several images that a name may stand for
_SEARCHED = 20_000  # images among which a similar name is looked for
_LONGEST = 255  # characters of such a name


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
      distinct: whether an image with itself, and the same two images twice, are errors.

    Raises:
      UserError: which lines are wrong and what would be right.
    """
    text = decode_text(name, data)
    errors = line_errors(name)
    header = header_of(text)
    if _has_no_header(header) and (name.lower().endswith(".csv") or "\t" not in text.partition("\n")[0]):
        message = (
            f"{name} line 1: separated by commas or the like, but without a header; write {','.join(COLUMNS)} above"
        )
        raise UserError(message, code="data-pair-list")
    is_csv = name.lower().endswith(".csv") or len(set(COLUMNS) & set(header)) > 1
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


class AmbiguousName(Exception):
    """A name without an ending stands for several images; the text lists them."""


class KnownImages:
    """Images that are known by their ids.

    Args:
      unusable: others, which a name stands for only where it is that of none of the images.
    """

    def __init__(self, image_ids: Iterable[str], unusable: Iterable[str] = ()) -> None:
        images, others = list(image_ids), list(unusable)
        self._ids = dict.fromkeys(images + others)
        self._by_text: dict[str, list[str]] = {}
        self._by_stem: dict[str, list[str]] = {}
        for image_id in self._ids:
            if not image_id.isascii():
                self._by_text.setdefault(one_text(image_id), []).append(image_id)
        for image_id in images:
            self._by_stem.setdefault(_stem(image_id), []).append(image_id)
        for image_id in others:
            self._by_stem.setdefault(_stem(image_id), [image_id])

    def find(self, name: str) -> str | None:
        """The image that a name stands for, if there is one.

        Raises:
          AmbiguousName: there are several.
        """
        name = _plain(name)
        if name in self._ids:
            return name
        return _only(self._by_text.get(one_text(name), ())) or _only(self._by_stem.get(one_text(name), ()))

    def similar(self, name: str) -> str:
        """A hint at a similar name, or ""."""
        near = _similar(name, list(self._ids))
        return f"; did you mean {near[0]!r}?" if near else ""


class ImagesOnDisk:
    """Images below a folder of this machine, looked for where a list names them; the folder is not walked."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._by_stem: dict[Path, dict[str, list[str]]] = {}

    def find(self, name: str) -> str | None:
        """The image that a name stands for, if there is one.

        Raises:
          AmbiguousName: there are several.
        """
        name = _plain(name)
        try:
            if (self._root / name).is_file():
                return name
            folder = LocalFolder(str((self._root / name).parent))
            files = map(folder.file, self._beside(name).get(one_text(PurePosixPath(name).name), ()))
            images = [file.path for file in files if not why_not_an_image(file, beginning_of(folder, file))]
        except (OSError, ValueError, UserError):  # no name that a file can have, or a folder that may not be read
            return None
        return _only([str(PurePosixPath(name).with_name(image)) for image in images])

    def similar(self, name: str) -> str:
        """A hint at a similar name, or ""."""
        try:
            names = [other for others in self._beside(name).values() for other in others]
        except (OSError, ValueError, UserError):
            return ""
        near = _similar(PurePosixPath(name).name, names)
        if near == [PurePosixPath(name).name]:
            return ", but something of that name that is no regular file"
        return f"; did you mean {str(PurePosixPath(name).with_name(near[0]))!r}?" if near else ""

    def _beside(self, name: str) -> dict[str, list[str]]:
        """What lies in the folder where an image should be, by its name without the ending."""
        parent = (self._root / name).parent
        if parent not in self._by_stem:
            by_stem = self._by_stem[parent] = {}
            for other in LocalFolder(str(parent)).names():
                by_stem.setdefault(_stem(other), []).append(other)
                if not other.isascii():
                    by_stem.setdefault(one_text(other), []).append(other)
        return self._by_stem[parent]


def resolve(name: str, pairs: Sequence[LabelledPair], images: KnownImages | ImagesOnDisk) -> dict[str, str]:
    """The image that each name in a list stands for.

    Args:
      images: all there are, unusable ones included.

    Raises:
      UserError: the lines that name images that do not exist, or two images whose label another line contradicts.
    """
    errors = line_errors(name)
    found: dict[str, str] = {}
    for pair in pairs:
        for side in (pair.a, pair.b):
            try:
                image = found.get(side) or images.find(side)
            except AmbiguousName as several:
                errors.add(pair.line, f"{side!r} may be {several}; write it with its ending")
                continue
            if image is None:
                hint = "; write / between folders" if "\\" in side else images.similar(side)
                errors.add(pair.line, f"no image {shown(repr(side), 10_000)}{hint}")
            else:
                found[side] = image
    errors.check()
    _check_consistent(pairs, found, errors)
    return found


def repeated(pairs: Sequence[LabelledPair], found: Mapping[str, str]) -> tuple[int, int]:
    """The number of pairs that repeat an earlier one, and of those of an image with itself, by what names stand for."""
    images = [sorted((found[pair.a], found[pair.b])) for pair in pairs]
    return len(images) - len(set(map(tuple, images))), sum(a == b for a, b in images)


def _only(images: Sequence[str]) -> str | None:
    if len(images) > 1:
        raise AmbiguousName(" or ".join(map(repr, sorted(images)[:_NAMED])))
    return images[0] if images else None


def _stem(path: str) -> str:
    return one_text(str(PurePosixPath(path).with_suffix("")))


def _plain(path: str) -> str:
    """A path without ``.`` and repeated slashes. ``..`` stays: it may lie behind a link."""
    plain = "/".join(part for part in path.split("/") if part not in ("", "."))
    return f"/{plain}" if path.startswith("/") else plain


def _similar(name: str, names: Sequence[str]) -> list[str]:
    fits = len(names) <= _SEARCHED and len(name) <= _LONGEST
    return difflib.get_close_matches(name, names, n=1) if fits else []


def _has_no_header(first: Sequence[str]) -> bool:
    """Whether the first line is a pair already: three fields, of which the last or first is a label in digits."""
    return len(first) == len(COLUMNS) and any(
        label in _LABELS and label[-1].isdigit() and not _is_number(other)
        for label, other in ((first[2], first[1]), (first[0], first[2]))
    )


def _parse_csv(text: str, header: list[str], errors: LineErrors) -> list[LabelledPair]:
    missing = [column for column in COLUMNS if column not in header]
    if missing:
        message = f"{errors.name}: column {missing[0]} is missing; it must have {','.join(COLUMNS)}"
        raise UserError(message, code="data-pair-list")
    if twice := [column for column in COLUMNS if header.count(column) > 1]:
        raise UserError(f"{errors.name}: the column {twice[0]} appears twice", code="data-pair-list")
    pairs = []
    for line, row in read_csv(text, errors):
        a, b, same = (row[column] for column in COLUMNS)
        label = _LABELS.get(same.lower())
        if a and b and label is not None:
            pairs.append(LabelledPair(line, a, b, label))
        else:
            errors.add(line, f"'{a},{b},{same}' must be two paths and same = 1 or 0")
    return pairs


def _parse_lines(text: str, errors: LineErrors) -> list[LabelledPair]:
    lines = list(_split_lines(text))
    has_header = bool(lines) and _is_lfw_header(lines[0][1], [fields for _, fields in lines[1:]])
    named = _NAMED_FORMS.get(" ".join(lines[0][1]).lower()) if lines else None
    forms = [_lfw] if has_header else [named] if named else [_label_last, _label_first, _lfw]
    lines = lines[has_header or named is not None :]
    read = [[form(line, fields) for line, fields in lines] for form in forms]
    _check_one_meaning(errors.name, lines, [pairs for pairs in read if None not in pairs])
    best = min(read, key=lambda pairs: pairs.count(None))  # the first of equals
    for (line, fields), pair in zip(lines, best, strict=True):
        if pair is None:
            errors.add(line, f"{' '.join(fields)[:80]!r} {_EXPECTED}")
    return [pair for pair in best if pair is not None]


def _check_one_meaning(
    name: str, lines: list[tuple[int, list[str]]], readings: list[list[LabelledPair | None]]
) -> None:
    """Checks that no list can be read in two forms with other labels."""
    for (line, fields), *pairs in zip(lines, *readings, strict=True):
        if len({pair.same for pair in pairs if pair}) > 1:
            message = (
                f"{name} line {line}: the label of {' '.join(fields)[:80]!r} may be first or last, as that of "
                f"all lines; write {' or '.join(map(repr, _NAMED_FORMS))} above"
            )
            raise UserError(message, code="data-pair-list")


def _split_lines(text: str) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.strip()
        if stripped:
            yield number, [field.strip() for field in stripped.split("\t")] if "\t" in stripped else stripped.split()


def _label_last(line: int, fields: list[str]) -> LabelledPair | None:
    label = _LABELS.get(fields[2].lower()) if len(fields) == 3 else None
    return None if label is None or not fields[0] or not fields[1] else LabelledPair(line, fields[0], fields[1], label)


def _label_first(line: int, fields: list[str]) -> LabelledPair | None:
    return _label_last(line, fields[1:] + fields[:1])


_NAMED_FORMS = {"image_a image_b same": _label_last, "same image_a image_b": _label_first}


def _lfw(line: int, fields: list[str]) -> LabelledPair | None:
    match fields:
        case [name, one, two] if _is_number(one) and _is_number(two):
            return LabelledPair(line, _lfw_path(name, one), _lfw_path(name, two), 1)
        case [name, one, other, two] if _is_number(one) and _is_number(two):
            return LabelledPair(line, _lfw_path(name, one), _lfw_path(other, two), 0)
    return None


def _is_number(field: str) -> bool:
    return field.isdecimal() and field.isascii() and len(field) <= 9 and int(field) > 0  # LFW counts from 1


def _is_lfw_header(first: list[str], others: list[list[str]]) -> bool:
    """Whether the first line counts the pairs: where all others are numbers and a label, it must be right."""
    if len(first) > 2 or not all(map(_is_number, first)):
        return False
    numbered = all(len(fields) == 3 and all(map(str.isdecimal, fields)) for fields in others)
    return not others or not numbered or 2 * math.prod(map(int, first)) == len(others)


def _lfw_path(name: str, number: str) -> str:
    return f"{name}/{name}_{int(number):04d}"


def _check_consistent(pairs: Iterable[LabelledPair], found: Mapping[str, str], errors: LineErrors) -> None:
    first: dict[tuple[str, str], LabelledPair] = {}
    for pair in pairs:
        a, b = sorted((found[pair.a], found[pair.b]))
        if a == b and not pair.same:
            errors.add(pair.line, f"{pair.a!r} and {pair.b!r} are one image, but same is 0")
        before = first.setdefault((a, b), pair)
        if before.same != pair.same:
            errors.add(
                pair.line, f"{pair.a!r} and {pair.b!r} are a pair in line {before.line} already, with the other label"
            )
    errors.check()


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
