"""Which split an image belongs to: a hash decides, so that neither order nor company matters."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable

from components.image_example_gen.rows import Row
from components.image_example_gen.settings import SplitSettings
from models.errors import UserError
from models.features import SPLITS

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
    """What must not be torn apart: the identity, the group, or all images of the same canonical pixels."""
    return {"identity": row.identity, "group": row.group, "image": row.digest}[settings.by]


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
        identities[home].add(row.identity)
    return identities


def _enough(identities: dict[str, set[str]]) -> bool:
    return all(len(identities[split]) >= _MIN_IDENTITIES for split in SPLITS)


def _other_seed(rows: list[Row], settings: SplitSettings, seed: int) -> str:
    """Names a seed that would do, where one is soon found."""
    if len(rows) <= _ROWS_TRIED:
        for other in range(_SEEDS_TRIED):
            homes = [split_of(other, split_key(row, settings), settings) for row in rows]
            if other != seed and _enough(_identities(rows, homes)):
                return f"another seed ({other} would do)"
    return "another seed"
