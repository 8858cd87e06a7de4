"""Which split an image belongs to: the user's, that of a list of pairs, or one by hash of what must stay together."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from components.image_example_gen.settings import SplitSettings
from components.image_example_gen.sources.source import Found, Listing
from components.storage.pair_lists import KnownImages, LabelledPair, resolve
from models.data.features import SPLITS
from models.errors import UserError

_MIN_IDENTITIES = 2  # fewer make no impostor pair
_SEEDS_TRIED, _ROWS_TRIED = 200, 5_000


def fraction(seed: int, key: str) -> float:
    """A number in [0, 1), uniform over keys and independent between seeds."""
    hashed = hashlib.blake2b(f"split:{seed}:{key}".encode(), digest_size=8).digest()
    return (int.from_bytes(hashed, "big") >> 11) / 2**53  # 53 bits are what a float holds: never rounded up to 1


def split_of(seed: int, key: str, settings: SplitSettings) -> str:
    """The split of everything with this ``key``."""
    drawn = fraction(seed, key)
    if drawn < settings.train:
        return SPLITS[0]
    return SPLITS[1] if drawn < settings.train + settings.val else SPLITS[2]


def split_key(row: Found, settings: SplitSettings) -> str:
    """What must stay in one split: the identity, the group, or all images of the same canonical pixels.

    A forgery goes with the identity that it pretends to show.
    """
    return {"identity": row.impostor_of or row.identity, "group": row.group, "image": row.digest}[settings.by]


def assign_listed_splits(
    listing: Listing, addresses: Mapping[str, str], lists: Mapping[str, Sequence[LabelledPair]]
) -> list[Found]:
    """The images, with the split of the list of pairs that names them as their given one.

    Args:
      listing: all images; lists may name those that are set aside too.

    Raises:
      UserError: a list names an image that does not exist, or one that belongs to another split.
    """
    if not lists:
        return listing.found
    images = KnownImages([one.image_id for one in listing.found] + [one.image_id for one in listing.set_aside])
    splits: dict[str, str] = {}
    for split, pairs in lists.items():
        for image_id in sorted(set(resolve(addresses[split], pairs, images).values())):
            if splits.setdefault(image_id, split) != split:
                other = addresses[splits[image_id]]
                message = f"{image_id} is in both {other} and {addresses[split]}: an image belongs to one split"
                raise UserError(message, code="data-split-conflict")
    for one in listing.found:
        listed = splits.get(one.image_id, one.given_split)
        if one.given_split and listed != one.given_split:
            message = f"{one.image_id} has the split {one.given_split}, but {addresses[listed]} names it for {listed}"
            raise UserError(message, code="data-split-conflict")
    return [one._replace(given_split=splits.get(one.image_id, one.given_split)) for one in listing.found]


def complete_given_splits(found: list[Found], settings: SplitSettings) -> list[Found]:
    """The images; those that must stay together with one whose split the user sets get its split.

    Raises:
      UserError: the user's splits separate an identity (or group), or an image has no group to be split by.
    """
    if settings.by == "group" and any(not one.group for one in found):
        bare = next(one.image_id for one in found if not one.group)
        message = (
            f"data.split.by: group, but {bare} has no group: set data.layout: group/identity, or fill the manifest's "
            "column group"
        )
        raise UserError(message, code="data-group-missing")
    if settings.by == "image" or not any(one.given_split for one in found):
        return found

    keys = [split_key(one, settings) for one in found]
    split_by_key: dict[str, str] = {}
    conflicts: dict[str, set[str]] = {}
    for one, key in zip(found, keys, strict=True):
        if one.given_split and split_by_key.setdefault(key, one.given_split) != one.given_split:
            conflicts.setdefault(key, {split_by_key[key]}).add(one.given_split)
    if conflicts:
        first = min(conflicts)
        what, where = "groups" if settings.by == "group" else "identities", sorted(conflicts[first], key=SPLITS.index)
        message = (
            f"{len(conflicts):,} {what} have images in several splits: {first!r} in {' and '.join(where)}; give each "
            "one split, or set data.split.by: image"
        )
        raise UserError(message, code="data-split-conflict")
    return [
        one if one.given_split else one._replace(given_split=split_by_key.get(key, ""))
        for one, key in zip(found, keys, strict=True)
    ]


def check_splits(rows: Iterable[Found], settings: SplitSettings, seed: int) -> None:
    """Checks that every split can make impostor pairs and that nothing is in two splits.

    Raises:
      UserError: a split has fewer than two identities.
      RuntimeError: a key or a digest is in two splits, which no input can cause.
    """
    rows = list(rows)
    splits: dict[str, str] = {}
    for row in rows:
        for key in (f"key {split_key(row, settings)}", f"digest {row.digest}"):
            if splits.setdefault(key, row.split) != row.split:
                raise RuntimeError(f"{row.image_id}: its {key} is in the splits {splits[key]} and {row.split}")
    identities = _identities(rows, [row.split for row in rows])
    if _enough(identities):
        return
    images = Counter(row.split for row in rows)
    counts = ", ".join(f"{split} {images[split]} images of {len(identities[split])}" for split in SPLITS)
    raise UserError(
        f"too few identities in a split (at least {_MIN_IDENTITIES} each): {counts} identities; "
        f"add data, set larger data.split fractions, {_other_seed(rows, settings, seed)}"
        f"{', or data.split.by: image' if settings.by != 'image' else ''}",
        code="data-too-few-identities",
    )


def _identities(rows: list[Found], splits: list[str]) -> dict[str, set[str]]:
    identities: dict[str, set[str]] = defaultdict(set)
    for row, split in zip(rows, splits, strict=True):
        if not row.impostor_of:
            identities[split].add(row.identity)
    return identities


def _enough(identities: dict[str, set[str]]) -> bool:
    return all(len(identities[split]) >= _MIN_IDENTITIES for split in SPLITS)


def _other_seed(rows: list[Found], settings: SplitSettings, seed: int) -> str:
    """Names a seed with enough identities in every split, where one is soon found."""
    if len(rows) <= _ROWS_TRIED:
        for other in range(_SEEDS_TRIED):
            splits = [row.given_split or split_of(other, split_key(row, settings), settings) for row in rows]
            if other != seed and _enough(_identities(rows, splits)):
                return f"another seed ({other} would do)"
    return "another seed"
