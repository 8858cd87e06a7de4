"""Images that a model has learned from, known by their pixels."""

import io

import numpy as np
import pytest
from PIL import Image
from tiny_model import GREY, patterns, png

from models.data import canonical_pixels
from models.export import seen_images
from models.export.training_images import Seen, TrainingImages


@pytest.fixture
def learned(tmp_path):
    """A model's folder with the record of three images, and those."""
    images = patterns(3, GREY, seed=5)
    digests = np.array([canonical_pixels.digest(one).encode() for one in images], np.object_)
    seen_images.write(tmp_path, np.sort(seen_images.keys_of(digests)))
    return tmp_path, images


def seen(folder, *encoded):
    training = TrainingImages(folder, GREY)
    for one in encoded:
        training.look(one)
    return training.seen()


def again(pixels, kind):
    with io.BytesIO() as file:
        Image.fromarray(pixels[:, :, 0]).save(file, kind)
        return file.getvalue()


def test_images_are_told_by_their_pixels_whatever_their_file(learned):
    folder, images = learned
    new = patterns(4, GREY, seed=6)
    assert seen(folder, png(images[0]), again(images[0], "BMP"), again(images[2], "GIF"), *map(png, new)) == Seen(7, 3)
    assert seen(folder, *map(png, new), b"no image") == Seen(5, 0)


def test_a_record_that_is_missing_or_damaged_is_said(learned):
    folder, images = learned
    (folder / seen_images.FILE).write_bytes(b"x")
    assert seen(folder, png(images[0])) == Seen(1, None)
    (folder / seen_images.FILE).unlink()
    assert seen(folder, png(images[0])) == Seen(1, None)


@pytest.mark.parametrize(
    ("found", "notes"),
    [
        (Seen(1200, 1100), ["1,100 of 1,200 images were in the training of this model"]),
        (Seen(5, 0), []),
        (Seen(5, None), ["the model does not record its training images; whether these are among them is not known"]),
    ],
)
def test_what_is_said(found, notes):
    assert list(found.notes()) == notes
