"""Lists of pairs put the images that they name into their splits. Pure."""

from collections.abc import Mapping, Sequence

from components.image_example_gen.sources.source import Found, Listing
from components.pair_list.parsing import ListedPair
from components.pair_list.resolving import ImageNames, named_images
from models.errors import UserError


def with_listed_splits(
    listing: Listing, addresses: Mapping[str, str], lists: Mapping[str, Sequence[ListedPair]]
) -> list[Found]:
    """The images, with the split of each that a list names as its given one.

    Args:
      listing: all images; lists may name those that are set aside too.
      addresses: of the lists by split, for messages.
      lists: by split.

    Raises:
      UserError: a list names what is not there, or what is given to another split.
    """
    if not lists:
        return listing.found
    names = ImageNames([one.image_id for one in listing.found] + [one.image_id for one in listing.set_aside])
    given: dict[str, str] = {}
    for split, pairs in lists.items():
        for image_id in named_images(addresses[split], pairs, names):
            if given.setdefault(image_id, split) != split:
                other = addresses[given[image_id]]
                raise UserError(f"{image_id} is in both {other} and {addresses[split]}: an image is in one split alone")
    for one in listing.found:
        wanted = given.get(one.image_id, one.given_split)
        if one.given_split and wanted != one.given_split:
            raise UserError(
                f"{one.image_id} is given to {one.given_split}, but {addresses[wanted]} names it for {wanted}"
            )
    return [one._replace(given_split=given.get(one.image_id, one.given_split)) for one in listing.found]
