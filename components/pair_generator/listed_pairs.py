"""The pairs of a user's own list, as they are: neither balanced nor capped. Pure."""

from collections.abc import Sequence

import numpy as np

from components.pair_generator.selection import Selection, SplitImages
from components.storage.pair_lists import KnownImages, LabelledPair, line_errors
from models.data.features import FORGERY, GENUINE, KINDS, LISTED
from models.errors import UserError


def choose_listed(name: str, pairs: Sequence[LabelledPair], image_ids: Sequence[str], images: SplitImages) -> Selection:
    """The listed pairs whose images are both in the split, in the list's order.

    Images that ingest set aside are in no split: their pairs are left out and counted in a note.

    Args:
      image_ids: of the split, in the order of ``images``.

    Raises:
      UserError: a label contradicts the identities, or genuine or impostor pairs are missing.
    """
    names = KnownImages(image_ids)
    row_of = {image_id: row for row, image_id in enumerate(image_ids)}
    errors = line_errors(name)
    chosen: list[tuple[int, int, int]] = []
    for pair in pairs:
        found = [names.find(side) for side in (pair.a, pair.b)]
        if None in found:
            continue
        a, b = sorted(row_of[str(image)] for image in found)
        one, two = images.identities[[a, b]]
        if pair.same != int(one == two and one >= 0):
            truth = "two images of one identity" if one == two and one >= 0 else "images of two identities"
            errors.add(pair.line, f"{pair.a!r} and {pair.b!r} are {truth}, but same is {pair.same}")
        kind = GENUINE if pair.same else FORGERY if min(one, two) < 0 else LISTED
        chosen.append((a, b, KINDS.index(kind)))
    errors.check()
    kinds = {kind for _, _, kind in chosen}
    if KINDS.index(GENUINE) not in kinds or len(kinds) < 2:
        raise UserError(
            f"{name}: {len(chosen)} pairs are left in this split; both genuine and impostor pairs are needed",
            code="data-pair-list-one-sided",
        )
    left_out = len(pairs) - len(chosen)
    table = np.array(chosen, np.int64)
    who = images.identities[table[:, :2].ravel()]
    return Selection(
        a=table[:, 0],
        b=table[:, 1],
        kind=table[:, 2].astype(np.int8),
        asked=len(pairs),
        unpaired=np.setdiff1d(np.arange(images.identities.max() + 1), who),
        notes=(f"{left_out:,} listed pairs left out: images of theirs were set aside",) if left_out else (),
    )
