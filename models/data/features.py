"""The feature keys of the two kinds of Examples, and the meaning of their labels.

An *image Example* is one decoded image: canonical pixels and what is known of it. A *pair Example* names two
images (sides ``a`` and ``b``) and says whether they show the same identity.

Label polarity: ``same`` is 1 for a genuine pair and 0 for an impostor pair, everywhere it is stored or counted.
The contrastive loss alone is written with Y = 1 - same (Hadsell et al. 2006).
"""

TRAIN, VAL, TEST = SPLITS = ("train", "val", "test")
PREVIOUS = "previous"  # a further split: a sample of the span before, for drift checks only

# An image Example. All scalars but where noted.
IMAGE_ID = "image_id"  # bytes: path relative to the data root, POSIX, UTF-8; unique
IMAGE_DIGEST = "image_digest"  # bytes: SHA-256 of the canonical pixels and their shape, hex
PIXELS = "pixels"  # bytes: uint8, row-major [height, width, channels]
HEIGHT, WIDTH, CHANNELS = "height", "width", "channels"  # int64: of the pixels
IDENTITY = "identity"  # bytes: who or what it shows; unique over all groups ("group/identity" where there are groups)
GROUP = "group"  # bytes: "" where there are no groups
IMPOSTOR_OF = "impostor_of"  # bytes: the identity that a given forgery imitates; "" for all other images
FORMAT = "format"  # bytes: the format of the file, Pillow's name ("PNG", "JPEG", ...)
SOURCE_HEIGHT, SOURCE_WIDTH = "source_height", "source_width"  # int64: upright, before resizing
SOURCE_BYTES = "source_bytes"  # int64: length of the file
SPAN = "span"  # int64: of scheduled increments; 0 where there are none
IDENTITY_IMAGES = "identity_images"  # int64: images found of its identity, in all splits, unusable ones included
BRIGHTNESS = "brightness"  # float32: mean of the canonical pixels, 0..1
CONTRAST = "contrast"  # float32: standard deviation of the canonical pixels, 0..0.5

# A pair Example.
PAIR_ID = "pair_id"  # bytes: "<image_id a>|<image_id b>", a before b
KIND = "kind"  # bytes: one of KINDS
SAME = "same"  # int64: 1 genuine, 0 impostor
# What test pairs are sliced on, bytes. GROUP: of both images, or "across groups"; absent where there is none.
IDENTITY_SIZE = "identity_size"  # images of the smaller of both identities in the split: "1", "2-4", ..., "20+"
QUALITY = "quality"  # of the worse of both images: "dark", "bright", "flat", "small" or "good"
SLICES = (KIND, GROUP, IDENTITY_SIZE, QUALITY)
SIDES = ("a", "b")

GENUINE, RANDOM, SAME_GROUP, FORGERY, MINED, LISTED = KINDS = (
    "genuine",
    "impostor_random",
    "impostor_same_group",
    "impostor_forgery",  # a given forgery with an image of the imitated identity
    "impostor_mined",  # near each other to the served model
    "impostor_listed",  # from the user's own list of pairs
)

FORGED = -1  # in a training batch: the label of a given forgery, which is nobody's genuine image


def side(key: str, which: str) -> str:
    """The pair Example's key of an image feature: ``side(PIXELS, "a")`` is ``"a_pixels"``.

    Train and val pairs carry ``image_id``, ``identity`` and ``group`` of each side; test pairs also ``pixels``,
    ``height``, ``width`` and ``channels``.
    """
    return f"{which}_{key}"


AUGMENTED = "augmented.png"  # beside the logs of a training: augmented images
