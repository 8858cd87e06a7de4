"""Names of identities that probably do not mean what they are taken for: two of one identity, or of none. Pure."""

import re
import string
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator

_SHOWN = 3
_NOBODY = re.compile(
    "na|nan|nil|null|none|unk|unknown|unlabell?ed|nolabel|nobody|noone|noname|unnamed|undefined|unidentified|unassigned"
    "|notavailable|notapplicable|missing|empty|others?|misc|anonymous|anon|tbd"
    "|unbekannt|sonstige|inconnue?|autres?|desconocid[oa]|otros"
)
_NO_NUMBER = re.compile(r"-(?:1|9+)(?:\.0+)?")
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_ALIKE = str.maketrans(  # Cyrillic and Greek letters that look like Latin ones; quotes
    "АВЕЅІЈКМНОРСТУХаеѕіјорсухһΑΒΕΖΗΙΚΜΝΟΡΤΥΧοϳ\u2018\u2019\u02bc\u02b9`\u00b4",  # noqa: RUF001
    "ABESIJKMHOPCTYXaesijopcyxhABEZHIKMNOPTYXoj''''''",
)


def notes_on_identities(names: Iterable[str]) -> Iterator[str]:
    """What is odd about the names of identities, a sentence each; they are used as they are.

    ``ann`` and ``Ann``, ``1`` and ``01`` or ``1.0``, ``a b``, ``a_b`` and ``a-b``, names that differ in an invisible
    character or one of another alphabet may be one identity; ``NA`` may be none.
    """
    names = sorted(set(names))
    alike: dict[str, list[str]] = defaultdict(list)
    for name in names:
        alike[_simplified(name)].append(name)
    if several := [same for same in alike.values() if len(same) > 1]:
        shown = "; ".join(map(_shown_together, several[:_SHOWN]))
        more = f"; {len(several) - _SHOWN:,} more" if len(several) > _SHOWN else ""
        yield f"taken as different identities, though they may be the same: {shown}{more}"
    if nobody := [name for name in names if _is_nobody(name)]:
        yield f"taken as an identity, though it may mean that there is none: {', '.join(map(repr, nobody[:_SHOWN]))}"


def _is_nobody(name: str) -> bool:
    text = _visible(name).casefold()
    last = text.rpartition("/")[2]
    if not last.strip(string.punctuation + string.whitespace) or _NO_NUMBER.fullmatch(last):
        return True
    return re.sub(r"[^\w/]", "", text) == "n/a" or bool(_NOBODY.fullmatch(re.sub(r"[\W_]+", "", last)))


def _simplified(name: str) -> str:
    text = unicodedata.normalize("NFKC", _visible(name).translate(_ALIKE)).translate(_ALIKE).casefold()
    text = re.sub(r"[\s_]+", " ", text).strip()
    text = re.sub(r"(?<=\w) ?[-\u2010-\u2015\u2212]+ ?(?=\w)| ?\.+ ?(?=[^\W\d])", " ", text)
    return re.sub(r"(?<!\d)(?<!\d\.)0+(?=\d)", "", re.sub(r"(\d)(?:\.0+|,00?)$", r"\1", text))


def _visible(text: str) -> str:
    """A text without the characters that are not seen."""
    return "".join(one for one in _INVISIBLE.sub("", text) if unicodedata.category(one) not in ("Cf", "Cc"))


def _shown_together(names: list[str]) -> str:
    """Names that may be one, with escapes where two of them look the same."""
    looks = {_visible(name).translate(_ALIKE) for name in names}
    return " and ".join(map(repr if len(looks) == len(names) else ascii, names[:_SHOWN]))
