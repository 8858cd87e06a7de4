"""Names of identities that probably do not mean what they are taken for: two of one identity, or of none. Pure."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator

_SHOWN = 3
_NOBODY = frozenset(
    ("na", "n/a", "nan", "nil", "null", "none", "unknown", "unlabeled", "unlabelled", "?", "-1", "nobody")
)


def notes_on_identities(names: Iterable[str]) -> Iterator[str]:
    """What is odd about the names of identities, a sentence each; they are used as they are.

    ``ann`` and ``Ann``, ``1`` and ``01`` or ``1.0``, ``a b`` and ``a_b`` may be one identity; ``NA`` may be none.
    """
    names = sorted(set(names))
    alike: dict[str, list[str]] = defaultdict(list)
    for name in names:
        alike[_simplified(name)].append(name)
    if several := [same for same in alike.values() if len(same) > 1]:
        shown = "; ".join(" and ".join(map(repr, same[:_SHOWN])) for same in several[:_SHOWN])
        more = f"; {len(several) - _SHOWN:,} more" if len(several) > _SHOWN else ""
        yield f"taken as different identities, though they may be the same: {shown}{more}"
    if nobody := [name for name in names if {name.casefold(), name.casefold().rpartition("/")[2]} & _NOBODY]:
        yield f"taken as an identity, though it may mean that there is none: {', '.join(map(repr, nobody[:_SHOWN]))}"


def _simplified(name: str) -> str:
    text = re.sub(r"[\s_]+", " ", unicodedata.normalize("NFKC", name).casefold()).strip()
    return re.sub(r"(?<!\d)(?<!\d\.)0+(?=\d)", "", re.sub(r"(\d)\.0+$", r"\1", text))
