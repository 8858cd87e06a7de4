"""The observed bounds accept the images that they come from, and reject others."""

import numpy as np
import pandas as pd
import pytest
import tensorflow_data_validation as tfdv

from components.schema_source.image_schema import as_text, image_schema, read_reviewed
from components.schema_source.observed import with_observed
from models.data import features
from models.settings import ImageSettings

WATCHED = (
    features.SOURCE_HEIGHT,
    features.SOURCE_WIDTH,
    features.SOURCE_BYTES,
    features.BRIGHTNESS,
    features.CONTRAST,
    features.IDENTITY_IMAGES,
    features.FORMAT,
)


def statistics(count: int = 50, **changed):
    random = np.random.default_rng(0)
    columns = {
        features.SOURCE_HEIGHT: random.integers(90, 200, count),
        features.SOURCE_WIDTH: random.integers(90, 200, count),
        features.SOURCE_BYTES: random.integers(900, 1800, count),
        features.BRIGHTNESS: random.uniform(0.3, 0.8, count).astype(np.float32),
        features.CONTRAST: random.uniform(0.1, 0.3, count).astype(np.float32),
        features.IDENTITY_IMAGES: random.integers(3, 9, count),
        features.FORMAT: random.choice(["PNG", "JPEG"], count),
    }
    one = {name: [changed.get(name, values[0]), *values[1:]] for name, values in columns.items()}
    return tfdv.generate_statistics_from_dataframe(pd.DataFrame(one))


def found(statistics_, schema) -> set[str]:
    return set(tfdv.validate_statistics(statistics_, schema).anomaly_info) & set(WATCHED)


def test_the_schema_is_valid_and_accepts_the_images_it_was_made_from(tmp_path):
    made = with_observed(image_schema(ImageSettings(), 0.25, 0.5), [statistics(), statistics(20)])
    (tmp_path / "mine.pbtxt").write_text("# reviewed\n" + as_text(made))
    assert read_reviewed(tmp_path / "mine.pbtxt") == as_text(made)
    assert found(statistics(), made) == set()


@pytest.mark.parametrize(
    ("feature", "value"),
    [
        (features.SOURCE_HEIGHT, 1000),
        (features.SOURCE_BYTES, 100),
        (features.BRIGHTNESS, np.float32(0.01)),
        (features.CONTRAST, np.float32(0.49)),
        (features.IDENTITY_IMAGES, 1),
        (features.FORMAT, "GIF"),
    ],
)
def test_what_was_not_seen_is_an_anomaly(feature, value):
    made = with_observed(image_schema(ImageSettings()), [statistics()])
    assert found(statistics(**{feature: value}), made) == {feature}
