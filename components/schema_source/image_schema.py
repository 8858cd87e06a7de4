"""The schema of image Examples: the configured one, a reviewed one, and one to review, with bounds observed.

No feature has a string domain: with one, each new identity would be an anomaly, and the ingest checks the formats.
"""

import math
from collections.abc import Iterable
from pathlib import Path

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from models.data import features
from models.errors import UserError
from models.settings import ImageSettings
from models.user_files import read_text

_BYTES, _INT, _FLOAT = schema_pb2.BYTES, schema_pb2.INT, schema_pb2.FLOAT

_TYPES = {
    features.IMAGE_ID: _BYTES,
    features.IMAGE_DIGEST: _BYTES,
    features.PIXELS: _BYTES,
    features.HEIGHT: _INT,
    features.WIDTH: _INT,
    features.CHANNELS: _INT,
    features.IDENTITY: _BYTES,
    features.GROUP: _BYTES,
    features.IMPOSTOR_OF: _BYTES,
    features.FORMAT: _BYTES,
    features.SOURCE_HEIGHT: _INT,
    features.SOURCE_WIDTH: _INT,
    features.SOURCE_BYTES: _INT,
    features.SPAN: _INT,
    features.IDENTITY_IMAGES: _INT,
    features.BRIGHTNESS: _FLOAT,
    features.CONTRAST: _FLOAT,
}

# Compared between splits and spans. Not the sizes: if nearly all images have one size, TFDV's histograms of two sets
# have nothing in common (a distance of 1.0 on equal data); the size in bytes changes with the size in pixels.
_COMPARED_NUMBERS = (features.BRIGHTNESS, features.CONTRAST, features.SOURCE_BYTES)

_MARGIN = 2  # sizes may be this many times smaller or larger than those observed
_SIZES = (features.SOURCE_HEIGHT, features.SOURCE_WIDTH, features.SOURCE_BYTES)
_EXCESS = 0.1  # by which brightness and contrast (0..1) may exceed those observed


def image_schema(image: ImageSettings, drift: float | None = None, skew: float | None = None) -> schema_pb2.Schema:
    """The schema of image Examples of the configured size.

    Args:
      drift: largest distance from the previous span, 0..1; None: not compared.
      skew: largest distance of val and test from train, 0..1; None: not compared.
    """
    schema = schema_pb2.Schema(feature=[_feature(name, kind) for name, kind in _TYPES.items()])
    feature = {one.name: one for one in schema.feature}
    # Without an image domain, pixels that are valid UTF-8 would be in TFDV's string statistics.
    feature[features.PIXELS].image_domain.SetInParent()
    sizes = ((features.HEIGHT, image.height), (features.WIDTH, image.width), (features.CHANNELS, image.channels))
    for name, size in sizes:
        feature[name].int_domain.CopyFrom(schema_pb2.IntDomain(name=name, min=size, max=size))
    for name in (features.SOURCE_HEIGHT, features.SOURCE_WIDTH):
        feature[name].int_domain.CopyFrom(schema_pb2.IntDomain(name=name, min=1))
    for name in (features.BRIGHTNESS, features.CONTRAST):
        feature[name].float_domain.CopyFrom(schema_pb2.FloatDomain(name=name, min=0, max=1, disallow_nan=True))
    for name in _COMPARED_NUMBERS:
        if drift is not None:
            feature[name].drift_comparator.jensen_shannon_divergence.threshold = drift
        if skew is not None:
            feature[name].skew_comparator.jensen_shannon_divergence.threshold = skew
    if drift is not None:
        for name in (features.FORMAT, features.GROUP):
            feature[name].drift_comparator.infinity_norm.threshold = drift
    if skew is not None:  # not of groups: splits by group have none in common
        feature[features.FORMAT].skew_comparator.infinity_norm.threshold = skew
    return schema


def with_observed(
    schema: schema_pb2.Schema, statistics: Iterable[statistics_pb2.DatasetFeatureStatisticsList]
) -> schema_pb2.Schema:
    """The schema to review: with observed ranges of sizes, brightness and contrast, formats, and images of an identity.

    Args:
      schema: of image Examples; not changed.
      statistics: of all splits.
    """
    observed = schema_pb2.Schema()
    observed.CopyFrom(schema)
    feature = {one.name: one for one in observed.feature}
    seen: dict[str, list[statistics_pb2.FeatureNameStatistics]] = {}
    for split in statistics:
        for one in split.datasets[0].features:
            seen.setdefault(".".join(one.path.step), []).append(one)
    for name in _SIZES:
        low, high = _range(seen[name])
        domain = schema_pb2.IntDomain(name=name, min=max(1, int(low) // _MARGIN), max=math.ceil(high) * _MARGIN)
        feature[name].int_domain.CopyFrom(domain)
    for name in (features.BRIGHTNESS, features.CONTRAST):
        low, high = _range(seen[name])
        feature[name].float_domain.min = max(0.0, math.floor((low - _EXCESS) * 100) / 100)
        feature[name].float_domain.max = min(1.0, math.ceil((high + _EXCESS) * 100) / 100)
    fewest, _ = _range(seen[features.IDENTITY_IMAGES])
    feature[features.IDENTITY_IMAGES].int_domain.CopyFrom(
        schema_pb2.IntDomain(name=features.IDENTITY_IMAGES, min=min(2, int(fewest)))
    )
    formats = {bucket.label for one in seen[features.FORMAT] for bucket in one.string_stats.rank_histogram.buckets}
    feature[features.FORMAT].string_domain.CopyFrom(
        schema_pb2.StringDomain(name=features.FORMAT, value=sorted(formats))
    )
    return observed


def as_text(schema: schema_pb2.Schema) -> str:
    """The schema in text format, as ``SchemaSource`` takes it."""
    return text_format.MessageToString(schema)


def read_reviewed(path: Path | str) -> str:
    """The text of a reviewed schema, without its comments.

    Raises:
      UserError: it cannot be read, or no image Example can match it.
    """
    try:
        schema = text_format.Parse(read_text(path, "data-bad-schema", 16 << 20), schema_pb2.Schema())
    except (text_format.ParseError, RecursionError, ValueError) as error:
        raise UserError(f"{path}: not a schema in text format: line {error}", "data-bad-schema") from None
    problems = _problems(schema)
    if problems:
        raise UserError(f"{path}: not a schema of image Examples: {'; '.join(problems)}", "data-bad-schema")
    return as_text(schema)


def _range(seen: list[statistics_pb2.FeatureNameStatistics]) -> tuple[float, float]:
    return min(one.num_stats.min for one in seen), max(one.num_stats.max for one in seen)


def _feature(name: str, kind: "schema_pb2.FeatureType.ValueType") -> schema_pb2.Feature:
    return schema_pb2.Feature(
        name=name,
        type=kind,
        shape=schema_pb2.FixedShape(),  # a scalar
        presence=schema_pb2.FeaturePresence(min_fraction=1, min_count=1),
    )


def _problems(schema: schema_pb2.Schema) -> list[str]:
    found = {feature.name: feature for feature in schema.feature}
    missing = sorted(_TYPES.keys() - found)
    problems = [f"missing: {', '.join(missing)}"] if missing else []
    problems += [
        f"{name} must be {_name(kind)}, not {_name(found[name].type)}"
        for name, kind in _TYPES.items()
        if name in found and found[name].type != kind
    ]
    if features.PIXELS in found and not found[features.PIXELS].HasField("image_domain"):
        problems.append(f"{features.PIXELS} must have image_domain {{}}, otherwise they count as strings")
    return problems


def _name(kind: "schema_pb2.FeatureType.ValueType") -> str:
    return str(schema_pb2.FeatureType.Name(kind))
