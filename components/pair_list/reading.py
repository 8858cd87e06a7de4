"""Lists of pairs by split, read from wherever they lie."""

from collections.abc import Mapping

from components.pair_list.parsing import ListedPair, parse_pairs
from components.storage.files import place_and_name
from models.errors import UserError


def read_bytes(address: str) -> bytes:
    """A whole file, here or in a store.

    Raises:
      UserError: it cannot be read.
    """
    place, name = place_and_name(address)
    try:
        with place.open(name) as file:
            data: bytes = file.read()
    except OSError as error:
        raise UserError(f"{address}: {error.strerror or error}") from None
    return data


def read_lists(addresses: Mapping[str, str]) -> dict[str, list[ListedPair]]:
    """The list of each split that has one.

    Raises:
      UserError: one cannot be read, or has mistakes.
    """
    return {split: parse_pairs(address, read_bytes(address)) for split, address in addresses.items()}
