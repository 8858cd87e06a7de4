"""The schema of image Examples, and the requirements on a reviewed one."""

import subprocess
import sys

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from components.schema_source.image_schema import as_text, image_schema, read_reviewed
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
