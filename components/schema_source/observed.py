"""A schema to review: the configured one, with bounds from the statistics of existing images."""

import math
from collections.abc import Iterable

from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from models.data import features

_MARGIN = 2  # sizes may be this many times smaller or larger than those observed
_SIZES = (features.SOURCE_HEIGHT, features.SOURCE_WIDTH, features.SOURCE_BYTES)
_SHARES = {features.BRIGHTNESS: 0.1, features.CONTRAST: 0.1}  # by which they may exceed those observed, 0..1


def with_observed(
    schema: schema_pb2.Schema, statistics: Iterable[statistics_pb2.DatasetFeatureStatisticsList]
) -> schema_pb2.Schema:
    """The schema with observed ranges of sizes, brightness and contrast, formats, and images of an identity.

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
    for name, margin in _SHARES.items():
        low, high = _range(seen[name])
        feature[name].float_domain.min = max(0.0, math.floor((low - margin) * 100) / 100)
        feature[name].float_domain.max = min(1.0, math.ceil((high + margin) * 100) / 100)
    fewest, _ = _range(seen[features.IDENTITY_IMAGES])
    feature[features.IDENTITY_IMAGES].int_domain.CopyFrom(
        schema_pb2.IntDomain(name=features.IDENTITY_IMAGES, min=min(2, int(fewest)))
    )
    formats = {bucket.label for one in seen[features.FORMAT] for bucket in one.string_stats.rank_histogram.buckets}
    feature[features.FORMAT].string_domain.CopyFrom(
        schema_pb2.StringDomain(name=features.FORMAT, value=sorted(formats))
    )
    return observed


def _range(seen: list[statistics_pb2.FeatureNameStatistics]) -> tuple[float, float]:
    return min(one.num_stats.min for one in seen), max(one.num_stats.max for one in seen)
