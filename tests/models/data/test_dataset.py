import numpy as np
import pytest
import tensorflow as tf
from pair_parts import declare_images

from models.data import features
from models.data.dataset import read_images, read_pairs, to_raw
from models.data.pairs_artifact import split_files
from models.settings import ImageSettings

IMAGE = ImageSettings(height=8, width=9, channels=3)


def example(**values) -> bytes:
    made = tf.train.Example()
    for key, value in values.items():
        feature = made.features.feature[key]
        (feature.bytes_list if isinstance(value, bytes) else feature.int64_list).value.append(value)
    return made.SerializeToString()


def write(path, records):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)


@pytest.fixture
def split(tmp_path):
    """Seven images in two shards, four pairs in two; the images' pixels."""
    pixels = np.random.default_rng(0).integers(0, 256, (7, 8, 9, 3), dtype=np.uint8)
    names = [f"g{n % 2}/p{n % 3}/{n}.png".encode() for n in range(7)]
    images = [
        example(
            **{
                features.IMAGE_ID: name,
                features.PIXELS: pixels[n].tobytes(),
                features.IDENTITY: name.rpartition(b"/")[0],
                features.GROUP: name.partition(b"/")[0],
                features.IMPOSTOR_OF: names[0].rpartition(b"/")[0] if n == 6 else b"",
                features.HEIGHT: 8,
            }
        )
        for n, name in enumerate(names)
    ]
    pairs = [
        example(
            **{
                features.side(features.IMAGE_ID, "a"): names[a],
                features.side(features.IMAGE_ID, "b"): names[b],
                features.SAME: same,
                features.KIND: features.GENUINE.encode(),
            }
        )
        for a, b, same in [(0, 6, 1), (1, 2, 0), (0, 3, 0), (5, 4, 0)]
    ]
    for number in range(2):
        write(tmp_path / "images" / "train" / f"images-{number}", images[number::2])
        write(tmp_path / "Split-train" / f"pairs-{number}", pairs[number * 2 : number * 2 + 2])
    declare_images(tmp_path, "train")
    return tmp_path, pixels, names


def read(folder, scratch):
    pair_files, image_files = split_files(str(folder / "Split-train" / "*"))
    images = read_images(image_files, IMAGE, scratch)
    return images, read_pairs(pair_files, images)


def test_images_and_pairs_are_read_as_they_were_written(split, tmp_path):
    folder, pixels, names = split
    images, pairs = read(folder, tmp_path)
    assert images.row_of.keys() == set(names)
    for number, name in enumerate(names):
        np.testing.assert_array_equal(images.pixels[images.row_of[name]], pixels[number])
    id_of = {row: names.index(name) for name, row in images.row_of.items()}
    found = [(id_of[a], id_of[b], same) for a, b, same in zip(pairs.a, pairs.b, pairs.same, strict=True)]
    assert found == [(0, 6, 1), (1, 2, 0), (0, 3, 0), (5, 4, 0)]


def test_mined_pairs_are_marked(split, tmp_path):
    folder, _, names = split
    assert read(folder, tmp_path)[1].mined is None
    mined = example(
        **{
            features.side(features.IMAGE_ID, "a"): names[1],
            features.side(features.IMAGE_ID, "b"): names[5],
            features.SAME: 0,
            features.KIND: features.MINED.encode(),
        }
    )
    write(folder / "Split-train" / "pairs-2", [mined])
    assert read(folder, tmp_path)[1].mined.tolist() == [False] * 4 + [True]


def test_in_memory_is_the_same(split, tmp_path):
    folder, *_ = split
    mapped, held = (read(folder, scratch)[0] for scratch in (tmp_path, None))
    assert isinstance(mapped.pixels, np.memmap)
    assert not isinstance(held.pixels, np.memmap)
    np.testing.assert_array_equal(held.pixels, mapped.pixels)
    assert (held.row_of, held.names) == (mapped.row_of, mapped.names)
    assert held.names == ("g0/p0", "g0/p1", "g0/p2", "g1/p0", "g1/p1", "g1/p2")


def test_identities_and_groups_are_numbered(split, tmp_path):
    folder, _, names = split
    images, _ = read(folder, tmp_path)
    for values, part in ((images.identity, slice(0, 2)), (images.group, slice(0, 1))):
        by_name = {name: name.split(b"/")[part] for name in names}
        for one in names:
            for other in names:
                alike = values[images.row_of[one]] == values[images.row_of[other]]
                assert alike == (by_name[one] == by_name[other])


def test_a_forgery_has_the_identity_it_imitates(split, tmp_path):
    folder, _, names = split
    images, _ = read(folder, tmp_path)
    imitated = {name: images.imitates[images.row_of[name]] for name in names}
    assert imitated.pop(names[6]) == images.identity[images.row_of[names[0]]]
    assert set(imitated.values()) == {-1}


def test_raw_rows_are_the_bytes_that_transform_reads(split, tmp_path):
    folder, pixels, names = split
    images, _ = read(folder, tmp_path)
    rows = np.array([images.row_of[names[5]], images.row_of[names[1]]])
    assert images.raw(rows).tolist() == [pixels[5].tobytes(), pixels[1].tobytes()]


SEEN = {
    "as they are": lambda p: p,
    "mirrored": lambda p: p[:, :, ::-1],
    "turned": lambda p: np.rot90(p, 1, (1, 2)),
    "none": lambda p: p[:0],
}


@pytest.mark.parametrize("seen", SEEN.values(), ids=SEEN)
def test_raw_pixels_are_those_bytes_in_the_order_of_rows_and_columns(seen):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 4, 6, 3), dtype=np.uint8)
    pixels[1:3] = 0  # nothing is stripped
    shown = seen(pixels)
    assert to_raw(shown).tolist() == [image.tobytes() for image in shown]
    given = np.asarray(tf.io.decode_raw(tf.constant(to_raw(shown), tf.string), tf.uint8)).reshape(-1, *shown.shape[1:])
    np.testing.assert_array_equal(given, shown)


def test_pixels_are_on_disk(split, tmp_path):
    folder, _, _ = split
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    images, _ = read(folder, scratch)
    assert isinstance(images.pixels, np.memmap)
    assert [path.stat().st_size for path in scratch.iterdir()] == [7 * 8 * 9 * 3]


def test_a_pair_of_an_image_that_is_not_there_is_an_error(split, tmp_path):
    folder, _, _ = split
    write(
        folder / "Split-train" / "pairs-2",
        [
            example(
                **{
                    features.side(features.IMAGE_ID, "a"): b"stranger.png",
                    features.side(features.IMAGE_ID, "b"): b"stranger.png",
                    features.SAME: 1,
                }
            )
        ],
    )
    with pytest.raises(KeyError, match=r"stranger\.png"):
        read(folder, tmp_path)
