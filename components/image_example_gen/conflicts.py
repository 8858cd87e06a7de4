"""Images whose canonical pixels are the same: which of them stay."""

from collections import defaultdict
from collections.abc import Iterable

from components.image_example_gen.rows import Row

DUPLICATE, CONFLICT = "exact duplicate", "label conflict"


def dropped(rows: Iterable[Row]) -> dict[str, str]:
    """The images to drop and the reason for each, by image id.

    Of exact copies under one identity the first by path stays, so that no pair is made of two copies of one image.
    Copies under two identities contradict each other: all of them go.
    """
    copies: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if not row.reason:
            copies[row.digest].append(row)
    reasons: dict[str, str] = {}
    for same in copies.values():
        if len(same) == 1:
            continue
        first, *others = sorted(same, key=lambda row: row.image_id)
        identities = sorted({row.identity for row in same})
        if len(identities) == 1:
            reasons |= {row.image_id: f"{DUPLICATE} of {first.image_id}" for row in others}
        else:
            reasons |= {row.image_id: _conflict(row.identity, identities) for row in same}
    return reasons


def _conflict(identity: str, identities: list[str]) -> str:
    others = [other for other in identities if other != identity]
    more = f" and {len(others) - 1} more" if len(others) > 1 else ""
    return f"{CONFLICT}: also under {others[0]}{more}"
