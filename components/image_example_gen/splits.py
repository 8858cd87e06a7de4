"""Which split an image belongs to: the user's, that of a list of pairs, or one by hash of what must stay together."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate

from components.image_example_gen.settings import SplitSettings
from components.image_example_gen.sources.source import Found, Listing
from components.storage.pair_lists import KnownImages, LabelledPair, resolve
from models.data.features import SPLITS
from models.errors import UserError

_MIN_IDENTITIES = 2  # fewer make no impostor pair
_MIN_IMAGES = 2  # of some identity; fewer make no genuine pair
_SEEDS_TRIED, _ROWS_TRIED = 200, 1_000_000


def fraction(seed: int, key: str) -> float:
    """A number in [0, 1), uniform over keys and independent between seeds."""
    hashed = hashlib.blake2b(f"split:{seed}:{key}".encode(), digest_size=8).digest()
    return (int.from_bytes(hashed, "big") >> 11) / 2**53  # 53 bits are what a float holds: never rounded up to 1


def split_of(seed: int, key: str, settings: SplitSettings, among: Sequence[str] = SPLITS) -> str:
    """The split of everything with this ``key``, by the shares of the splits that it may be in."""
    shares = [getattr(settings, split) for split in among]
    drawn = fraction(seed, key) * (1 if len(among) == len(SPLITS) else sum(shares))
    edges = zip(among, accumulate(shares), strict=True)
    return next((split for split, edge in edges if drawn < edge), among[-1])


def final_split(seed: int, row: Found, settings: SplitSettings) -> str:
    """The split of an image: the given one, one that is taken out of that, or any."""
    if row.given_split and not row.divided:
        return row.given_split
    among = (row.given_split, *row.divided.split()) if row.given_split else SPLITS
    return split_of(seed, split_key(row, settings), settings, among)


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
    images = KnownImages((one.image_id for one in listing.found), (one.image_id for one in listing.set_aside))
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


def complete_given_splits(found: list[Found], settings: SplitSettings, notes: Sequence[str] = ()) -> list[Found]:
    """The images; those that must stay together with one whose split the user sets get its split.

    Args:
      notes: how the listing came to its splits, for the message.

    Raises:
      UserError: the user's splits separate an identity (or group), or an image has no group to be split by.
    """
    if settings.by == "group" and any(not one.group for one in found):
        bare = next(one.image_id for one in found if not one.group)
        message = (
            f"data.split.by: group, but {bare} has no group: fill the manifest's column group; in a folder, put the "
            "identities into folders of groups, with data.layout: group/identity; or set data.split.by: identity"
        )
        raise UserError(message, code="data-group-missing")
    if settings.by == "image" or not any(one.given_split for one in found):
        return found

    keys = [split_key(one, settings) for one in found]
    by_key: dict[str, Found] = {}
    conflicts: dict[str, set[str]] = {}
    for one, key in zip(found, keys, strict=True):
        if one.given_split and by_key.setdefault(key, one).given_split != one.given_split:
            conflicts.setdefault(key, {by_key[key].given_split}).add(one.given_split)
    if conflicts:
        first = min(conflicts)
        what, where = "groups" if settings.by == "group" else "identities", sorted(conflicts[first], key=SPLITS.index)
        message = (
            f"{len(conflicts):,} {what} have images in several splits: {first!r} in {' and '.join(where)}; give each "
            f"one split, or set data.split.by: image, which tests on the same {what}"
            f"{''.join(f' ({note})' for note in notes)}"
        )
        raise UserError(message, code="data-split-conflict")
    others = [by_key.get(key, one) for one, key in zip(found, keys, strict=True)]
    return [
        one._replace(given_split=other.given_split, divided=other.divided)
        for one, other in zip(found, others, strict=True)
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
        f"{' or '.join(['add data', *_remedies(rows, settings, seed, _enough)])}",
        code="data-too-few-identities",
    )


def check_genuine(rows: Iterable[Found], settings: SplitSettings, seed: int) -> None:
    """Checks that every split can make a genuine pair.

    Raises:
      UserError: no identity of a split has two images.
    """
    rows = list(rows)
    identities = _identities(rows, [row.split for row in rows])
    if _genuine(identities):
        return
    split = next(split for split in SPLITS if max(identities[split].values(), default=0) < _MIN_IMAGES)
    remedies = ["add a second image to some of them", *_remedies(rows, settings, seed, _genuine)]
    raise UserError(
        f"split {split}: {len(identities[split])} identities with one image each, but a genuine pair needs two images "
        f"of one identity; {' or '.join(remedies)}",
        code="data-no-genuine-pair",
    )


def _identities(rows: Iterable[Found], splits: Iterable[str]) -> dict[str, Counter[str]]:
    """The number of images of each identity in each split."""
    identities: dict[str, Counter[str]] = defaultdict(Counter)
    for row, split in zip(rows, splits, strict=True):
        if not row.impostor_of:
            identities[split][row.identity] += 1
    return identities


def _enough(identities: Mapping[str, Counter[str]]) -> bool:
    return all(len(identities.get(split, ())) >= _MIN_IDENTITIES for split in SPLITS)


def _genuine(identities: Mapping[str, Counter[str]]) -> bool:
    return _enough(identities) and all(max(identities[split].values()) >= _MIN_IMAGES for split in SPLITS)


def _remedies(
    rows: list[Found], settings: SplitSettings, seed: int, enough: Callable[[dict[str, Counter[str]]], bool]
) -> Iterator[str]:
    """Changes of the configuration that were found to be enough: each was tried on these images."""

    def tried(seed: int, settings: SplitSettings) -> bool:
        return enough(_identities(rows, (final_split(seed, row, settings) for row in rows)))

    seeds = range(min(_SEEDS_TRIED, _ROWS_TRIED // max(1, len(rows))))
    if any(row.divided or not row.given_split for row in rows):
        found = next((other for other in seeds if other != seed and tried(other, settings)), None)
        if found is not None:
            yield f"set another seed ({found} would do)"
        even = {split: 1 / len(SPLITS) for split in SPLITS}
        if tried(seed, settings.model_copy(update=even)):
            yield "set larger data.split fractions for it (thirds would do)"
    for by in ("identity", "image"):
        changed = settings.model_copy(update={"by": by})
        if by != settings.by and _is_consistent(rows, changed) and tried(seed, changed):
            yield f"set data.split.by: {by}"


def _is_consistent(rows: list[Found], settings: SplitSettings) -> bool:
    """Whether the user's own splits separate nothing that must stay together."""
    try:
        complete_given_splits(rows, settings)
    except UserError:
        return False
    return True
