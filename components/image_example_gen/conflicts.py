"""Exact copies, images of the same canonical pixels: which of them are kept."""

from collections import defaultdict
from collections.abc import Iterable

from components.image_example_gen.rows import Row
from models.data.features import SPLITS
from models.errors import UserError

_SHOWN = 5
DUPLICATE, CONFLICT = "exact duplicate", "label conflict"


def find_dropped(rows: Iterable[Row]) -> dict[str, str]:
    """The images to drop and the reason for each, by image id.

    Of exact copies under one identity one is kept, so that no pair is made of two copies of one image: where the user's
    own splits separate them, the one of the test split before that of val before that of train; else the first by
    path. Copies under two identities contradict each other: all of them are dropped.
    """
    copies: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if not row.reason:
            copies[row.digest].append(row)
    reasons: dict[str, str] = {}
    for same in copies.values():
        if len(same) == 1:
            continue
        first, *others = sorted(same, key=lambda row: (-SPLITS.index(row.split), row.image_id))
        identities = sorted({row.identity for row in same})
        if len(identities) == 1:
            reasons |= {row.image_id: f"{DUPLICATE} of {first.image_id}" for row in others}
        else:
            reasons |= {row.image_id: _conflict(row, same, identities) for row in same}
    return reasons


def check_conflicts(dropped: dict[str, str], root: str, policy: str) -> None:
    """Checks that there are no label conflicts, where ``data.conflicts`` is "stop".

    Raises:
      UserError: there are some; the first ones are named.
    """
    found = [(path, reason) for path, reason in sorted(dropped.items()) if reason.startswith(CONFLICT)]
    if policy != "stop" or not found:
        return
    shown = "; ".join(f"{path} is {reason.partition(': ')[2]}" for path, reason in found[:_SHOWN])
    more = f"; and {len(found) - _SHOWN:,} more" if len(found) > _SHOWN else ""
    message = (
        f"{root}: {len(found):,} images lie under two identities: {shown}{more}. Remove the wrong copies, or set "
        "data.conflicts: drop"
    )
    raise UserError(message, code="data-label-conflicts")


def _conflict(row: Row, same: list[Row], identities: list[str]) -> str:
    other = min(one.image_id for one in same if one.identity != row.identity)
    more = f" and {len(identities) - 2} more identities" if len(identities) > 2 else ""
    return f"{CONFLICT}: also {other}{more}"
