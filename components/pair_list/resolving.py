"""Which images the names in a list of pairs stand for. Pure."""

import difflib
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from components.pair_list.parsing import ListedPair
from components.storage.list_errors import LineErrors

_SEARCHED = 20_000  # images among which a similar name is looked for


class ImageNames:
    """Finds images by their path, or by their path without its ending.

    Args:
      image_ids: of all images.
    """

    def __init__(self, image_ids: Iterable[str]) -> None:
        self._ids = dict.fromkeys(image_ids)
        self._by_stem: dict[str, str] = {}
        for image_id in self._ids:
            self._by_stem.setdefault(str(PurePosixPath(image_id).with_suffix("")), image_id)

    def find(self, name: str) -> str | None:
        """The image that a name stands for, if there is one."""
        return name if name in self._ids else self._by_stem.get(name)

    def like(self, name: str) -> str:
        """A hint at a similar name, or ""."""
        near = difflib.get_close_matches(name, list(self._ids), n=1) if len(self._ids) <= _SEARCHED else []
        return f"; did you mean {near[0]!r}?" if near else ""


def named_images(name: str, pairs: Sequence[ListedPair], images: ImageNames) -> list[str]:
    """All images that a list names, sorted.

    Args:
      name: of the list, for messages.
      pairs: its pairs.
      images: all there are, unusable ones included.

    Raises:
      UserError: it names images that there are not; the lines are told.
    """
    mistakes = LineErrors(name)
    found = set()
    for pair in pairs:
        for side in (pair.a, pair.b):
            image = images.find(side)
            if image is None:
                mistakes.add(pair.line, f"no image {side!r}{images.like(side)}")
            else:
                found.add(image)
    mistakes.check()
    return sorted(found)
