"""From image files to rows and records: read, normalised, decoded, hashed, assigned to a split."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.image_example_gen.image_records import image_example
from components.image_example_gen.near_duplicates import perceptual_hashes
from components.image_example_gen.settings import IngestSettings
from components.image_example_gen.sources.source import Found, Reader
from components.image_example_gen.splits import final_split
from models.data import canonical_pixels, image_formats
from models.settings import ImageSettings

LARGE = 16_000_000  # pixels; of images with more, only one at a time is decoded
_BATCH = 32  # images that one call of TensorFlow decodes at most
_BATCH_BYTES = 4 * 1024**2  # of a batch, as files or as pixels: no image is added to more

Made = tuple[Found, bytes]  # the row of an image, and its record; none where it is not used


class Image(NamedTuple):
    """An image in progress: without or with its file's bytes, then with those of its normalised container."""

    row: Found
    data: bytes | None = None
    source: image_formats.Normalised | None = None

    @property
    def bytes(self) -> int:
        """Of its data, or of its file."""
        return self.row.bytes if self.data is None else len(self.data)


def read_image(row: Found, reader: Reader, limit: int) -> Image:
    """The image with its file's bytes, or with the reason why it has none.

    Args:
      row: of the image.
      reader: of its source.
      limit: bytes of a file.
    """
    try:
        return Image(row, reader.read(row, limit))
    except image_formats.UnreadableImage as error:
        reason = error.reason
    except OSError as error:
        reason = f"cannot be read: {type(error).__name__}"
    return Image(row._replace(reason=reason), b"")


class ImageMaker:
    """Makes images, in any number of threads.

    Args:
      settings: of the ingest.
      image: of canonical pixels.
      seed: of the splits.
      reader: of images that come without their files' bytes.
      takes_large: whether it makes images of more than ``LARGE`` pixels, one at a time; else it leaves them.
    """

    def __init__(
        self,
        settings: IngestSettings,
        image: ImageSettings,
        seed: int,
        reader: Reader | None = None,
        takes_large: bool = True,
    ) -> None:
        self._settings, self._image, self._seed, self._reader = settings, image, seed, reader
        self._decode = Decoder(image)
        self._batch = max(1, min(_BATCH, _BATCH_BYTES // (image.height * image.width * image.channels)))
        self._takes_large, self._large = takes_large, threading.Lock()
        self._limits = {name: getattr(settings, name) for name in ("max_pixels", "max_bytes", "max_frames")}
        self._limits["most_raw"] = _BATCH_BYTES

    def batches(self, images: Iterable[Image]) -> Iterator[list[Image]]:
        """Consecutive images, as many as are quick and small enough to be made together."""
        batch: list[Image] = []
        size = 0
        for image in images:
            batch.append(image)
            size += image.bytes
            if len(batch) == self._batch or size >= _BATCH_BYTES:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def make(self, batch: Sequence[Image]) -> list[Made | None]:
        """The row and record of each image; None where it is left.

        Raises:
          RuntimeError: what nobody expects of an image, with its name.
        """
        normalised = [self._normalised(self._read(image)) for image in batch]
        groups = self.batches(image for image in normalised if image)  # a file may be small and its pixels many
        made = (one for images in groups for one in self._made(images))
        return [next(made) if image else None for image in normalised]

    def _read(self, image: Image) -> Image:
        if image.data is not None or self._reader is None:
            return image
        return read_image(image.row, self._reader, self._settings.max_bytes)

    def _normalised(self, image: Image) -> Image | None:
        if image.row.reason or image.data is None:
            return image
        try:
            source = self._normalise(image.data)
        except image_formats.UnreadableImage as error:
            return image._replace(row=image.row._replace(reason=error.reason), data=b"")
        except Exception as error:
            raise RuntimeError(f"{image.row.image_id}: {error}") from error
        return image._replace(data=source.data, source=source) if source else None

    def _normalise(self, data: bytes) -> image_formats.Normalised | None:
        most = self._limits["max_pixels"]
        try:
            return image_formats.normalise(data, **{**self._limits, "max_pixels": min(most, LARGE)})
        except image_formats.UnreadableImage as error:
            if most <= LARGE or not error.reason.startswith("too many pixels"):  # by its header
                raise
        if not self._takes_large:
            return None
        with self._large:
            return image_formats.normalise(data, **self._limits)

    def _made(self, images: list[Image]) -> Iterator[Made]:
        large = any(image.source and image.source.width * image.source.height > LARGE for image in images)
        try:
            with self._large if large else nullcontext():
                decoded = self._decode([image.source for image in images if image.source])
        except Exception as error:
            names = f"{images[0].row.image_id} to {images[-1].row.image_id}"
            raise RuntimeError(f"{names}: {error}") from error
        hashes = [""] * len(decoded)
        if self._settings.near_duplicates != "off":
            made = iter(perceptual_hashes([canonical for canonical in decoded if canonical is not None]))
            hashes = ["" if canonical is None else next(made) for canonical in decoded]
        results = zip(decoded, hashes, strict=True)
        for row, _, source in images:
            canonical, perceptual = next(results) if source else (None, "")
            if source is None:
                yield row, b""
            elif canonical is None:
                yield row._replace(reason=image_formats.DAMAGED), b""
            else:
                yield self._record(row, source, canonical, perceptual)

    def _record(
        self, row: Found, source: image_formats.Normalised, canonical: NDArray[np.uint8], perceptual: str
    ) -> Made:
        size = self._image.height, self._image.width
        shown = canonical_pixels.without_padding(canonical, source.height, source.width, self._image)
        row = row._replace(
            digest=canonical_pixels.digest(canonical),
            perceptual=perceptual,
            untrimmed=self._image.trim is not None and (source.height, source.width) == size,
            dim=canonical_pixels.is_dim(shown),
        )
        row = row._replace(split=final_split(self._seed, row, self._settings.split))
        return row, image_example(row, source, canonical)


class Decoder:
    """Decodes several images by one call of TensorFlow, which is slower than decoding a small image.

    One after another, so that only one is in memory in full size. Threads may share it.
    """

    def __init__(self, image: ImageSettings) -> None:
        one = tf.TensorSpec([image.height, image.width, image.channels], tf.uint8)

        def decode(given: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
            data, shape = given
            return tf.cond(
                shape[2] > 0,
                lambda: canonical_pixels.resize(tf.reshape(tf.io.decode_raw(data, tf.uint8), shape), image),
                lambda: canonical_pixels.decode(data, image),
            )

        def decode_all(data: tf.Tensor, shapes: tf.Tensor) -> tf.Tensor:
            with tf.device("CPU:0"):  # on any machine the same pixels
                return tf.map_fn(decode, (data, shapes), fn_output_signature=one, parallel_iterations=1)

        function = tf.function(decode_all, autograph=False)
        self._decode = function.get_concrete_function(
            tf.TensorSpec([None], tf.string), tf.TensorSpec([None, 3], tf.int32)
        )

    def __call__(self, images: Sequence[image_formats.Normalised]) -> list[NDArray[np.uint8] | None]:
        """The result of ``canonical_pixels.decode`` for each image; None where TensorFlow cannot decode it."""
        if not images:
            return []
        shapes = [(one.height, one.width, one.channels) for one in images]
        try:
            return list(self._decode(tf.constant([one.data for one in images]), tf.constant(shapes)).numpy())
        except tf.errors.InvalidArgumentError:  # of one image, which it does not name
            if len(images) == 1:
                return [None]
            half = len(images) // 2
            return self(images[:half]) + self(images[half:])
