"""Images read, kept and set aside: the figures (``counts.json``) and the files (``quarantine.csv``)."""

import csv
import io
from collections import Counter
from collections.abc import Iterable

from components.image_example_gen.conflicts import CONFLICT, DUPLICATE
from components.image_example_gen.rows import Row
from components.image_example_gen.sources.source import MISPLACED, STRAY, SetAside
from models.data.features import SPLITS
from models.errors import UserError

_REASONS_SHOWN = 3


def quarantine(rows: Iterable[Row], dropped: dict[str, str], set_aside: Iterable[SetAside]) -> list[SetAside]:
    """Every file that is not used, with its reason, sorted by path."""
    unused = list(set_aside)
    for row in rows:
        reason = row.reason or dropped.get(row.image_id)
        if reason:
            unused.append(SetAside(row.image_id, reason, row.bytes))
    return sorted(unused)


def count(kept: Iterable[Row], quarantined: Iterable[SetAside], bytes_written: dict[str, int]) -> dict[str, object]:
    """The figures of ``counts.json``.

    ``unreadable``, ``misplaced``, ``duplicates``, ``conflicts`` and ``stray`` (files that are not images) add up to
    ``quarantined``; ``images_read`` are all files but the stray ones; ``reasons`` groups by the text before a
    reason's first colon.
    """
    kept, reasons = list(kept), [_kind(entry.reason) for entry in quarantined]
    kinds = Counter(reason if reason in (STRAY, MISPLACED, DUPLICATE, CONFLICT) else "" for reason in reasons)
    return {
        "images_read": len(kept) + len(reasons) - kinds[STRAY],
        "images": len(kept),
        "identities": _identities(kept),
        "forgeries": sum(bool(row.impostor_of) for row in kept),
        "groups": len({row.group for row in kept if row.group}),
        "quarantined": len(reasons),
        "unreadable": kinds[""],
        "misplaced": kinds[MISPLACED],
        "duplicates": kinds[DUPLICATE],
        "conflicts": kinds[CONFLICT],
        "stray": kinds[STRAY],
        "reasons": dict(sorted(Counter(reasons).items())),
        "splits": {split: _count_split(kept, split, bytes_written.get(split, 0)) for split in SPLITS},
    }


def check_quarantined(counts: dict, root: str, limit: float, hint: str = "") -> None:
    """Raises UserError, with the commonest reasons, if too large a share is unreadable or misplaced."""
    unusable, read = counts["unreadable"] + counts["misplaced"], counts["images_read"]
    if unusable <= limit * read:
        return
    apart = (STRAY, DUPLICATE, CONFLICT)
    commonest = Counter({reason: times for reason, times in counts["reasons"].items() if reason not in apart})
    shown = ", ".join(f"{reason} ({times})" for reason, times in commonest.most_common(_REASONS_SHOWN))
    message = (
        f"{root}: {unusable} of {read} images are unusable, more than data.max_quarantined {limit:g} allows: "
        f"{shown}{hint}"
    )
    raise UserError(message, code="data-too-many-unusable")


def as_csv(quarantined: Iterable[SetAside]) -> str:
    """The text of ``quarantine.csv``: path, reason, bytes."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("path", "reason", "bytes"))
    writer.writerows(quarantined)
    return text.getvalue()


def _kind(reason: str) -> str:
    return DUPLICATE if reason.startswith(DUPLICATE) else reason.partition(":")[0]


def _identities(rows: list[Row]) -> int:
    return len({row.identity for row in rows if not row.impostor_of})


def _count_split(kept: list[Row], split: str, written: int) -> dict[str, int]:
    rows = [row for row in kept if row.split == split]
    return {
        "images": len(rows),
        "identities": _identities(rows),
        "forgeries": sum(bool(row.impostor_of) for row in rows),
        "groups": len({row.group for row in rows if row.group}),
        "bytes": written,
    }
