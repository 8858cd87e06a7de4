"""The pictures of a training: what the network saw, and where it puts the validation images."""

import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.projector.projector_plugin import ProjectorPlugin
from werkzeug.test import Client

from models.data.batches import batches_of
from models.data.dataset import ImageTable, PairTable
from models.settings import ModelSettings
from models.training.tensorboard import augmented_images, write_projector


def table(identities: int, each: int, channels: int = 1) -> ImageTable:
    who = np.repeat(np.arange(identities), each)
    pixels = np.random.default_rng(0).integers(0, 256, (len(who), 10, 12, channels), np.uint8)
    ids = {f"img{row}".encode(): row for row in range(len(who))}
    names = tuple(f"person\t{n}" for n in range(identities))
    return ImageTable(pixels, ids, who, np.zeros_like(who), np.full_like(who, -1), names)


def normaliser(channels: int):
    def normalise(raw):
        decoded = tf.io.decode_raw(raw, tf.uint8, fixed_length=120 * channels)
        return (tf.reshape(tf.cast(decoded, tf.float32) / 255.0, [-1, 10, 12, channels]) - 0.4) / 0.2

    return normalise


def drawn(folder, channels=1, form="batch", board=True, **augmentation):
    """(the grid, the table, what the first step was fed)."""
    settings = ModelSettings.model_validate(
        {
            "image": {"height": 10, "width": 12, "channels": channels},
            "loss": {"form": form},
            "augmentation": augmentation,
        }
    )
    images = table(12, 3, channels)
    a, b = np.triu_indices(36, k=1)
    batches = batches_of(settings, images, PairTable(a, b, (a // 3 == b // 3).astype(np.int64)))
    raw = batches.step(0)[0]
    fed = np.stack([np.frombuffer(one, np.uint8).reshape(10, 12, channels) for one in raw])
    return augmented_images(settings, batches, normaliser(channels), folder, board), fed


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("form", ["batch", "pairs"])
def test_without_distortions_every_column_is_what_was_fed(tmp_path, channels, form):
    grid, fed = drawn(tmp_path, channels, form)
    cells = grid.reshape(8, 10, 8, 12, channels).transpose(0, 2, 1, 3, 4)
    step = 8 if form == "batch" else 1  # images of an identity lie together: 96 of 12
    for row in range(8):
        for column in range(8):
            np.testing.assert_array_equal(cells[row, column], fed[row * step])


def test_distorted_copies_differ_from_the_first_column_and_from_one_another(tmp_path):
    grid, fed = drawn(tmp_path, rotation=30, brightness=0.5)
    cells = grid.reshape(8, 10, 8, 12, 1).transpose(0, 2, 1, 3, 4)
    np.testing.assert_array_equal(cells[:, 0], fed[::8][:8])
    for row in cells:
        assert len({column.tobytes() for column in row}) == 8


def test_the_file_shows_the_same_larger_and_tensorboard_too(tmp_path):
    grid, _ = drawn(tmp_path, 3)
    with Image.open(tmp_path / "augmented.png") as picture:
        assert (picture.mode, picture.size) == ("RGB", (8 * (12 * 7 + 2) + 6, 8 * (10 * 7 + 2)))
        pixels = np.asarray(picture)
    np.testing.assert_array_equal(pixels[0, 0], grid[0, 0])
    np.testing.assert_array_equal(pixels[7, 7], grid[1, 1])
    assert list((tmp_path / "augmented").glob("events.out.tfevents.*"))
    drawn(tmp_path / "file alone", board=False)
    assert [path.name for path in (tmp_path / "file alone").iterdir()] == ["augmented.png"]


def test_the_projector_has_a_line_and_a_thumbnail_for_each_embedding(tmp_path):
    images, embeddings = table(12, 3), np.random.default_rng(1).normal(size=(30, 4)).astype(np.float32)
    rows = np.arange(6, 36)
    write_projector(tmp_path / "run", images, rows, embeddings)
    folder = tmp_path / "run" / "embeddings"

    np.testing.assert_allclose(np.loadtxt(folder / "embeddings.tsv"), embeddings, rtol=1e-4)
    lines = (folder / "metadata.tsv").read_text().splitlines()
    assert (lines[0], lines[1], lines[-1]) == ("identity\timage", "person 2\timg6", "person 11\timg35")
    assert len(lines) == 31
    with Image.open(folder / "sprite.png") as sprite:
        assert sprite.size == (6 * 48, 6 * 48)
        seventh = np.asarray(sprite.convert("L"))[48:96, :48]  # second row, first column
    assert seventh[4:44].mean() == pytest.approx(images.pixels[12].mean(), abs=3)  # 10 x 12, whole in a square
    assert (seventh[:4] == 255).all() and (seventh[44:] == 255).all()
    shown = asked_of_projector(tmp_path, "info", run="run/embeddings")["embeddings"][0]
    assert (shown["tensorName"], shown["tensorShape"]) == ("validation images", [30, 4])
    assert (shown["metadataPath"], shown["sprite"]["singleImageDim"]) == ("metadata.tsv", [48, 48])


def asked_of_projector(logs, route: str, **query):
    """What TensorBoard's plug-in answers when it is started on ``logs``."""
    runs = EventMultiplexer().AddRunsFromDirectory(str(logs)).Reload()
    provider = MultiplexerDataProvider(runs, str(logs))
    plugin = ProjectorPlugin(TBContext(logdir=str(logs), data_provider=provider))
    return json.loads(Client(plugin.get_plugin_apps()[f"/{route}"]).get("/", query_string=query).data)


def test_a_large_split_is_thinned_out(tmp_path):
    images = table(1500, 2)
    write_projector(tmp_path, images, np.arange(3000), np.zeros((3000, 2), np.float32))
    lines = (tmp_path / "embeddings" / "metadata.tsv").read_text().splitlines()
    assert len(lines) == 2001
    assert (lines[1].split("\t")[1], lines[-1].split("\t")[1]) == ("img0", "img2999")
    with Image.open(tmp_path / "embeddings" / "sprite.png") as sprite:
        assert max(sprite.size) <= 8192  # what browsers draw
