"""Images that are not used: exact copies and unusable files; the figures (``counts.json``) and ``quarantine.csv``."""

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Iterable

from components.image_example_gen.sources.layout import MISPLACED
from components.image_example_gen.sources.source import STRAY, Found, SetAside
from models.data.features import SPLITS
from models.errors import UserError

_SHOWN, _REASONS_SHOWN = 5, 3
DUPLICATE, CONFLICT = "exact duplicate", "label conflict"


def find_dropped(rows: Iterable[Found]) -> dict[str, str]:
    """The images to drop and the reason for each, by image id.

    Of exact copies (the same canonical pixels) under one identity one is kept, so that no pair is made of two copies of
    one image: where the user's own splits separate them, the one of the test split before that of val before that of
    train; else the first by path. Copies under two identities contradict each other: all of them are dropped.
    """
    copies: dict[str, list[Found]] = defaultdict(list)
    for row in rows:
        if not row.reason:
            copies[row.digest].append(row)
    reasons: dict[str, str] = {}
    for same in copies.values():
        first, *others = sorted(same, key=lambda row: (-SPLITS.index(row.split), row.image_id))
        identities = len({row.identity for row in same})
        if identities == 1:
            reasons |= {row.image_id: f"{DUPLICATE} of {first.image_id}" for row in others}
        else:
            reasons |= {row.image_id: _conflict(row, same, identities) for row in same}
    return reasons


def quarantine(rows: Iterable[Found], dropped: dict[str, str], set_aside: Iterable[SetAside]) -> list[SetAside]:
    """Every file that is not used, with its reason, sorted by path."""
    reasons = ((row, row.reason or dropped.get(row.image_id)) for row in rows)
    unused = (
        SetAside(row.image_id, reason, row.bytes, "" if row.impostor_of else row.identity)
        for row, reason in reasons
        if reason
    )
    return sorted([*set_aside, *unused])


def count(kept: list[Found], quarantined: Iterable[SetAside], bytes_written: dict[str, int]) -> dict[str, object]:
    """The figures of ``counts.json``.

    ``unreadable``, ``misplaced``, ``duplicates``, ``conflicts`` and ``stray`` (files that are not images) add up to
    ``quarantined``; ``images_read`` are all files but the stray ones; ``reasons`` groups by the text before a
    reason's first colon. ``identities_lost`` names those that have files in the quarantine and no image left.
    """
    quarantined = list(quarantined)
    reasons = [DUPLICATE if one.reason.startswith(DUPLICATE) else one.reason.partition(":")[0] for one in quarantined]
    kinds = Counter(reason if reason in (STRAY, MISPLACED, DUPLICATE, CONFLICT) else "" for reason in reasons)
    splits = {}
    for split in SPLITS:
        images = _count_images([row for row in kept if row.split == split])
        splits[split] = {**images, "bytes": bytes_written.get(split, 0)}
    return {
        "images_read": len(kept) + len(reasons) - kinds[STRAY],
        **_count_images(kept),
        "quarantined": len(reasons),
        "unreadable": kinds[""],
        "misplaced": kinds[MISPLACED],
        "duplicates": kinds[DUPLICATE],
        "conflicts": kinds[CONFLICT],
        "stray": kinds[STRAY],
        "reasons": dict(sorted(Counter(reasons).items())),
        "identities_lost": sorted({one.identity for one in quarantined} - {row.identity for row in kept} - {""}),
        "splits": splits,
    }


def csv_text(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """The text of a CSV file."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue()


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


def check_quarantined(counts: dict, root: str, limit: float, hint: str = "") -> None:
    """Raises UserError, with the commonest reasons, if too large a share is unreadable, misplaced or of two labels."""
    unusable = counts["unreadable"] + counts["misplaced"] + counts["conflicts"]
    read = counts["images_read"]
    if unusable <= limit * read:
        return
    apart = (STRAY, DUPLICATE)
    commonest = Counter({reason: times for reason, times in counts["reasons"].items() if reason not in apart})
    shown = ", ".join(f"{reason} ({times})" for reason, times in commonest.most_common(_REASONS_SHOWN))
    message = (
        f"{root}: {unusable} of {read} images are unusable, more than data.max_quarantined {limit:g} allows: "
        f"{shown}{_identities_lost(counts['identities_lost'])}{hint}"
    )
    raise UserError(message, code="data-too-many-unusable")


def _identities_lost(names: list[str]) -> str:
    shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
    return f"; {len(names):,} identities lose all their images: {shown}" if names else ""


def _conflict(row: Found, same: list[Found], identities: int) -> str:
    other = min(one.image_id for one in same if one.identity != row.identity)
    more = f" and {identities - 2} more identities" if identities > 2 else ""
    return f"{CONFLICT}: also {other}{more}"


def _count_images(rows: list[Found]) -> dict[str, int]:
    return {
        "images": len(rows),
        "identities": len({row.identity for row in rows if not row.impostor_of}),
        "forgeries": sum(bool(row.impostor_of) for row in rows),
        "groups": len({row.group for row in rows if row.group}),
    }
