import pytest

from components.pair_generator.index import QUALITIES, quality, slice_features
from models.data.features import GROUP, IDENTITY_SIZE, QUALITY


def sliced(groups=(b"", b""), images=(9, 9), qualities=(4, 4)):
    return slice_features(groups, images, qualities)


@pytest.mark.parametrize(
    ("brightness", "contrast", "source", "expected"),
    [
        (0.45, 0.2, 200, b"good"),  # a photograph
        (0.95, 0.2, 200, b"good"),  # ink on white paper: bright on average, and fine
        (0.13, 0.3, 200, b"good"),  # white strokes on black
        (0.95, 0.05, 200, b"bright"),  # washed out, or an almost empty page
        (0.1, 0.08, 200, b"dark"),
        (0.5, 0.05, 200, b"flat"),
        (0.45, 0.2, 99, b"small"),
        (0.1, 0.08, 99, b"dark"),  # the worst of what holds
        (0.45, 0.2, 100, b"good"),
    ],
)
def test_the_quality_of_an_image(brightness, contrast, source, expected):
    assert QUALITIES[quality(brightness, contrast, source, 1, 10, 10)] == expected


def test_a_pair_is_as_good_as_its_worse_image():
    good, dark = QUALITIES.index(b"good"), QUALITIES.index(b"dark")
    assert sliced(qualities=(good, dark))[QUALITY] == sliced(qualities=(dark, good))[QUALITY] == b"dark"
    assert sliced(qualities=(good, good))[QUALITY] == b"good"


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        ((1, 30), b"1"),
        ((4, 2), b"2-4"),
        ((5, 5), b"5-9"),
        ((40, 9), b"5-9"),
        ((10, 19), b"10-19"),
        ((20, 400), b"20+"),
    ],
)
def test_the_smaller_identity_counts(images, expected):
    assert sliced(images=images)[IDENTITY_SIZE] == expected


def test_groups():
    assert sliced((b"Greek", b"Greek"))[GROUP] == b"Greek"
    assert sliced((b"Greek", b"Latin"))[GROUP] == sliced((b"Greek", b""))[GROUP] == b"across groups"
    assert GROUP not in sliced((b"", b""))
