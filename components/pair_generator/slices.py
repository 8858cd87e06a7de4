"""The slices of test pairs beside their kind: group, size of the identities, quality of the images. Pure.

A measure over all pairs can hide that a model fails on one group, on identities with few images, or on poor images.
"""

from models.data.features import GROUP, IDENTITY_SIZE, QUALITY

ACROSS_GROUPS = b"across groups"

# Worst first: a pair is as good as the worse of its images. Only images that lack spread are called dark, bright or
# flat: ink on white paper is bright on average, and nothing is wrong with it.
DARK, BRIGHT, FLAT, SMALL, GOOD = QUALITIES = (b"dark", b"bright", b"flat", b"small", b"good")

_FEW, _MANY = 0.25, 0.75  # mean brightness of 0..1 below and above which an image without spread is dark, bright
_SPREAD = 0.15  # standard deviation of the pixels: less, at such a mean, is a badly exposed image ...
_FLAT = 0.1  # ... and less than this at any mean is a flat one

_SIZES = ((20, b"20+"), (10, b"10-19"), (5, b"5-9"), (2, b"2-4"), (0, b"1"))


def quality(brightness: float, contrast: float, source_height: int, source_width: int, height: int, width: int) -> int:
    """The quality of an image, as an index into ``QUALITIES``; one with fewer pixels than it was made into is small.

    Args:
      brightness: mean of the canonical pixels, 0..1.
      contrast: standard deviation of the canonical pixels, 0..0.5.
    """
    if contrast < _SPREAD and brightness < _FEW:
        found = DARK
    elif contrast < _SPREAD and brightness > _MANY:
        found = BRIGHT
    elif contrast < _FLAT:
        found = FLAT
    else:
        found = SMALL if source_height * source_width < height * width else GOOD
    return QUALITIES.index(found)


def slice_features(
    groups: tuple[bytes, bytes], identity_images: tuple[int, int], qualities: tuple[int, int]
) -> dict[str, bytes]:
    """The pair Example's features to slice on; without a group where neither image has one.

    Args:
      groups: of both images, "" for none.
      identity_images: images in the split of the identity of each.
      qualities: of both images, as indices into ``QUALITIES``.
    """
    found = {
        IDENTITY_SIZE: next(name for least, name in _SIZES if min(identity_images) >= least),
        QUALITY: QUALITIES[min(qualities)],
    }
    if any(groups):
        found[GROUP] = groups[0] if groups[0] == groups[1] else ACROSS_GROUPS
    return found
