"""The schema of image Examples, the requirements on a reviewed one, and bounds observed in real images."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from components.schema_source.image_schema import as_text, image_schema, read_reviewed, with_observed
from models.data import features
from models.errors import UserError
from models.settings import ImageSettings

IMAGE = ImageSettings(height=16, width=24, channels=3)


def test_every_feature_is_a_required_scalar():
    schema = image_schema(IMAGE)

    assert [feature.name for feature in schema.feature if not feature.HasField("shape")] == []
    assert {feature.presence.min_fraction for feature in schema.feature} == {1}
    assert len(schema.feature) == 17


def test_sizes_are_the_configured_ones():
    domains = {feature.name: feature.int_domain for feature in image_schema(IMAGE).feature}

    for name, size in ((features.HEIGHT, 16), (features.WIDTH, 24), (features.CHANNELS, 3)):
        assert (domains[name].min, domains[name].max) == (size, size)


def test_nothing_has_a_string_domain():
    schema = image_schema(IMAGE)

    assert not schema.string_domain
    assert not [feature.name for feature in schema.feature if feature.WhichOneof("domain_info") == "string_domain"]


def test_a_reviewed_schema_is_read_without_its_comments(tmp_path):
    path = tmp_path / "schema.pbtxt"
    path.write_text("# reviewed by A.\n" + as_text(image_schema(IMAGE)))

    assert read_reviewed(path) == as_text(image_schema(IMAGE))


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda schema: schema.ClearField("feature"), "missing: brightness, channels, contrast"),
        (lambda schema: setattr(schema.feature[0], "type", schema_pb2.INT), "image_id must be BYTES, not INT"),
        (lambda schema: schema.feature[2].ClearField("image_domain"), "pixels must have image_domain"),
    ],
)
def test_a_schema_that_no_image_matches_is_the_users_error(tmp_path, edit, message):
    schema = image_schema(IMAGE)
    edit(schema)
    path = tmp_path / "schema.pbtxt"
    path.write_text(text_format.MessageToString(schema))

    with pytest.raises(UserError, match=message) as caught:
        read_reviewed(path)
    assert caught.value.code == "data-bad-schema"


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"feature { name: 'x' typo: 1 }", "line 1:"), (b"\xff\xfe\x00", "cannot be read"), (None, "No such file")],
)
def test_what_is_no_schema_is_the_users_error(tmp_path, content, message):
    path = tmp_path / "schema.pbtxt"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(UserError, match=message) as caught:
        read_reviewed(path)
    assert caught.value.code == "data-bad-schema"
    assert str(path) in str(caught.value)


def test_checking_a_schema_does_not_import_tensorflow():
    check = (
        "import sys, components.schema_source.image_schema\nsys.exit(not {'tensorflow', 'tfx'}.isdisjoint(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


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
