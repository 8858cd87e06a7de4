"""The report of PairGenerator: what is written in it."""

from typing import Any

import numpy as np

from components.pair_generator.index import ImageIndex
from components.pair_generator.selection import Selection
from models.data.features import KINDS

COUNTS_FILE = "counts.json"
TABLE_FILE = "counts.md"
_NAMES = 20
_REASONS = {
    "single": "one image only: no genuine pair, used in impostor pairs alone",
    "few": "few images: all their genuine pairs taken, or fewer than their share",
    "capped": "held at max_per_identity",
    "unpaired": "in no pair",
}


def count_split(index: ImageIndex, selection: Selection) -> dict[str, Any]:
    """The counts of one split, ready for JSON."""
    used = np.unique(np.concatenate([selection.a, selection.b]))
    by_kind = np.bincount(selection.kind, minlength=len(KINDS))
    limited = []
    for field, reason in _REASONS.items():
        codes = getattr(selection, field)
        if len(codes):
            names = [index.names[code] for code in codes[:_NAMES]]
            limited.append({"reason": reason, "count": len(codes), "names": names})
    return {
        "images": len(index.identities),
        "images_used": len(used),
        "forgeries": int((index.identities < 0).sum()),
        "identities": len(index.names),
        "identities_used": len(np.unique(index.identities[used][index.identities[used] >= 0])),
        "pairs_asked": selection.asked,
        "pairs": len(selection.kind),
        "kinds": {kind: int(number) for kind, number in zip(KINDS, by_kind, strict=True) if number},
        "genuine_without_impostor": selection.unmatched,
        "limited": limited,
        "notes": list(selection.notes),
    }


def as_markdown(counts: dict[str, Any]) -> str:
    """The text of ``counts.md``, of what is in ``counts.json``."""
    kinds = [kind for kind in KINDS if any(kind in found["kinds"] for found in counts["splits"].values())]
    heads = ("split", "images used", "identities used", "pairs asked", "pairs given", *kinds)
    rows = [heads, ("---", *["---:"] * (len(heads) - 1))]
    notes: list[str] = []
    for split, found in counts["splits"].items():
        rows.append(
            (
                split,
                f"{found['images_used']:,} of {found['images']:,}",
                f"{found['identities_used']:,} of {found['identities']:,}",
                f"{found['pairs_asked']:,}",
                f"{found['pairs']:,}",
                *(f"{found['kinds'].get(kind, 0):,}" for kind in kinds),
            )
        )
        for limit in found["limited"]:
            names = ", ".join(limit["names"]) + (", ..." if limit["count"] > len(limit["names"]) else "")
            notes.append(f"- {split}: {limit['count']:,} identities: {limit['reason']} ({names})")
        notes += [f"- {split}: {note}" for note in found["notes"]]
        if found["genuine_without_impostor"]:
            notes.append(
                f"- {split}: {found['genuine_without_impostor']:,} genuine pairs left out: too few impostor pairs exist"
                " to balance them"
            )
    lines = ["# Pairs", "", *("| " + " | ".join(row) + " |" for row in rows), ""]
    if notes:
        lines += ["## What was not as asked", "", *notes, ""]
    return "\n".join(lines)
