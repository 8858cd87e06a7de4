"""Which split an image belongs to: a hash decides, so that neither order nor company matters."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable

from components.image_example_gen.rows import Row
from components.image_example_gen.settings import SplitSettings
from components.image_example_gen.sources.source import Found
from models.data.features import SPLITS
from models.errors import UserError

_MIN_IDENTITIES = 2  # fewer make no impostor pair
_SEEDS_TRIED, _ROWS_TRIED = 200, 5_000


def fraction(seed: int, key: str) -> float:
    """A number in [0, 1), uniform over keys and independent between seeds."""
    hashed = hashlib.blake2b(f"split:{seed}:{key}".encode(), digest_size=8).digest()
    return (int.from_bytes(hashed, "big") >> 11) / 2**53  # 53 bits are what a float holds: never rounded up to 1


def split_of(seed: int, key: str, settings: SplitSettings) -> str:
    """The split of everything that shares ``key``."""
    drawn = fraction(seed, key)
    if drawn < settings.train:
        return SPLITS[0]
    return SPLITS[1] if drawn < settings.train + settings.val else SPLITS[2]


def split_key(row: Row, settings: SplitSettings) -> str:
    """What must not be torn apart: the identity, the group, or all images of the same canonical pixels.

    A forgery goes with the identity that it pretends to show.
    """
    return {"identity": row.impostor_of or row.identity, "group": row.group, "image": row.digest}[settings.by]


def placed(found: list[Found], settings: SplitSettings) -> list[Found]:
    """The images with the splits that the user gave; what is held together follows where a part of it is given.

    Raises:
      UserError: the given splits tear an identity (or group) apart, or an image has no group to be held together with.
    """
    if settings.by == "group" and any(not one.group for one in found):
        bare = next(one.image_id for one in found if not one.group)
        raise UserError(
            f"data.split.by: group, but {bare} has no group: set data.layout: group/identity, or fill the manifest's "
            "column group"
        )
    if settings.by == "image" or not any(one.given_split for one in found):
        return found

    def key(one: Found) -> str:
        return one.group if settings.by == "group" else one.impostor_of or one.identity

    homes: dict[str, str] = {}
    torn: dict[str, set[str]] = {}
    for one in found:
        if one.given_split and homes.setdefault(key(one), one.given_split) != one.given_split:
            torn.setdefault(key(one), {homes[key(one)]}).add(one.given_split)
    if torn:
        first = min(torn)
        what, where = "groups" if settings.by == "group" else "identities", sorted(torn[first], key=SPLITS.index)
        raise UserError(
            f"the given splits tear {len(torn):,} {what} apart: {first!r} is in {' and '.join(where)}; give each one "
            "split, or set data.split.by: image"
        )
    return [one if one.given_split else one._replace(given_split=homes.get(key(one), "")) for one in found]


def check_splits(rows: Iterable[Row], settings: SplitSettings, seed: int) -> None:
    """Checks that every split can make impostor pairs and that nothing that is held together was torn apart.

    Raises:
      UserError: a split has fewer than two identities; the line says what to change.
      RuntimeError: a key or a digest is in two splits, which no input can cause.
    """
    rows = list(rows)
    homes: dict[str, str] = {}
    for row in rows:
        for key in (f"key {split_key(row, settings)}", f"digest {row.digest}"):
            if homes.setdefault(key, row.split) != row.split:
                raise RuntimeError(f"{row.image_id}: its {key} is in the splits {homes[key]} and {row.split}")
    identities = _identities(rows, [row.split for row in rows])
    if _enough(identities):
        return
    images = Counter(row.split for row in rows)
    counts = ", ".join(f"{split} {images[split]} images of {len(identities[split])}" for split in SPLITS)
    raise UserError(
        f"too few identities in a split (at least {_MIN_IDENTITIES} each): {counts} identities; "
        f"give more data, larger data.split fractions, {_other_seed(rows, settings, seed)}"
        f"{', or data.split.by: image' if settings.by != 'image' else ''}"
    )


def _identities(rows: list[Row], homes: list[str]) -> dict[str, set[str]]:
    identities: dict[str, set[str]] = defaultdict(set)
    for row, home in zip(rows, homes, strict=True):
        if not row.impostor_of:
            identities[home].add(row.identity)
    return identities


def _enough(identities: dict[str, set[str]]) -> bool:
    return all(len(identities[split]) >= _MIN_IDENTITIES for split in SPLITS)


def _other_seed(rows: list[Row], settings: SplitSettings, seed: int) -> str:
    """Names a seed that would do, where one is soon found."""
    if len(rows) <= _ROWS_TRIED:
        for other in range(_SEEDS_TRIED):
            homes = [row.given_split or split_of(other, split_key(row, settings), settings) for row in rows]
            if other != seed and _enough(_identities(rows, homes)):
                return f"another seed ({other} would do)"
    return "another seed"
