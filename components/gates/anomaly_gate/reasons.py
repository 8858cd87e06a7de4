"""Why images are refused, in sentences: for each anomaly, and for each distance between two sets that is too large."""

from typing import NamedTuple, TypeAlias

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

from components.gates.anomaly_gate.feature_distances import Distance
from models.data import features

Statistics: TypeAlias = statistics_pb2.DatasetFeatureStatisticsList

_MEASURES = {
    anomalies_pb2.DriftSkewInfo.Measurement.JENSEN_SHANNON_DIVERGENCE: "Jensen-Shannon divergence",
    anomalies_pb2.DriftSkewInfo.Measurement.L_INFTY: "largest difference of a share",
}


class Compared(NamedTuple):
    """The result of a comparison.

    Attributes:
      reasons: a sentence for each feature whose distance is too large.
      note: why nothing was compared, or "".
      distances: of every feature that was compared, the largest first.
    """

    reasons: list[str]
    note: str = ""
    distances: tuple[Distance, ...] = ()


def reasons(split: str, anomalies: anomalies_pb2.Anomalies) -> list[str]:
    """One sentence for each anomaly: split, feature, what is wrong."""
    named = {".".join(info.path.step) or key: info for key, info in anomalies.anomaly_info.items()}
    found = [f"split {split}, {feature}: {_what(info)}" for feature, info in sorted(named.items())]
    if anomalies.HasField("dataset_anomaly_info"):
        found.append(f"split {split}: {_what(anomalies.dataset_anomaly_info)}")
    if anomalies.data_missing:
        found.append(f"split {split}: it holds no examples.")
    return found


def drift(current: Statistics, previous: Statistics, schema: schema_pb2.Schema, min_images: int) -> Compared:
    """Compares the new images with those of the span before, by the schema's drift comparators."""
    since = f"span {int(_numbers(previous, features.SPAN).max)}"
    if small := _too_few(min_images, {"the new train split": current, since: previous}):
        return Compared([], f"drift not computed: {small}")
    found = tfdv.validate_statistics(current, schema, previous_statistics=previous)
    distances = _distances(found, "drift", since)
    change = f"has drifted since {since}"
    far = [_sentence(one, change, current, previous, "now", "then") for one in _too_far(distances)]
    return Compared(far, distances=distances)


def skew(train: Statistics, other: Statistics, split: str, schema: schema_pb2.Schema, min_images: int) -> Compared:
    """Compares one split with train, by the schema's skew comparators."""
    if small := _too_few(min_images, {"train": train, split: other}):
        return Compared([], f"skew not computed: {small}")
    found = tfdv.validate_statistics(train, schema, serving_statistics=other)
    distances = _distances(found, "skew", split)
    change = f"differs between train and {split}"
    far = [_sentence(one, change, train, other, "in train", f"in {split}") for one in _too_far(distances)]
    return Compared(far, distances=distances)


def _what(info: anomalies_pb2.AnomalyInfo) -> str:
    # A missing value also breaks the shape, and that sentence would hide the other one.
    shape = anomalies_pb2.AnomalyInfo.INVALID_FEATURE_SHAPE
    descriptions = [reason.description for reason in info.reason if reason.type != shape and reason.description]
    text = " ".join(" ".join(descriptions or [info.description or info.short_description]).split())
    return text if text.endswith(".") else f"{text}."


def _distances(anomalies: anomalies_pb2.Anomalies, kind: str, other: str) -> tuple[Distance, ...]:
    found = [
        Distance(
            feature=".".join(info.path.step),
            other=other,
            measure=_MEASURES.get(one.type, "distance"),
            value=one.value,
            allowed=one.threshold,
        )
        for info in anomalies.drift_skew_info
        for one in getattr(info, f"{kind}_measurements")
    ]
    return tuple(sorted(found, key=lambda one: (-one.value, one.feature)))


def _too_far(distances: tuple[Distance, ...]) -> list[Distance]:
    return sorted((one for one in distances if one.value > one.allowed), key=lambda one: one.feature)


def _too_few(min_images: int, sets: dict[str, Statistics]) -> str:
    few = [f"{name} has {_count(one):,} images" for name, one in sets.items() if _count(one) < min_images]
    return f"{' and '.join(few)}, at least {min_images:,} are needed" if few else ""


def _count(statistics: Statistics) -> int:
    return int(statistics.datasets[0].num_examples)


def _sentence(far: Distance, change: str, one: Statistics, other: Statistics, here: str, there: str) -> str:
    values = _values(far.feature, one, other, here, there)
    return f"{far.feature} {change}: {values} ({far.measure} {far.value:.2f}, {far.allowed:g} allowed)."


def _values(feature: str, one: Statistics, other: Statistics, here: str, there: str) -> str:
    """The medians, or the share that changed most."""
    if _feature(one, feature).HasField("num_stats"):
        medians = (_numbers(one, feature).median, _numbers(other, feature).median)
        if f"{medians[0]:.3g}" != f"{medians[1]:.3g}":
            return f"median {medians[0]:.3g} {here}, {medians[1]:.3g} {there}"
        spreads = (_numbers(one, feature).std_dev, _numbers(other, feature).std_dev)
        return f"median {medians[0]:.3g} in both, standard deviation {spreads[0]:.3g} {here}, {spreads[1]:.3g} {there}"
    shares, others = _shares(one, feature), _shares(other, feature)
    most = max({*shares, *others}, key=lambda name: (abs(shares.get(name, 0) - others.get(name, 0)), name))
    return f"{most or 'none'} {shares.get(most, 0):.0%} {here}, {others.get(most, 0):.0%} {there}"


def _shares(statistics: Statistics, feature: str) -> dict[str, float]:
    buckets = _feature(statistics, feature).string_stats.rank_histogram.buckets
    total = sum(bucket.sample_count for bucket in buckets) or 1
    return {bucket.label: bucket.sample_count / total for bucket in buckets}


def _numbers(statistics: Statistics, feature: str) -> statistics_pb2.NumericStatistics:
    return _feature(statistics, feature).num_stats


def _feature(statistics: Statistics, name: str) -> statistics_pb2.FeatureNameStatistics:
    found = (one for one in statistics.datasets[0].features if list(one.path.step) == [name])
    return next(found, statistics_pb2.FeatureNameStatistics())
