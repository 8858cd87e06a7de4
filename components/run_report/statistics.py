"""Statistics and anomalies of the images, by split, as rows. Needs neither TFX nor TFDV."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from google.protobuf.message import DecodeError, Message
from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2

from components.gates.anomaly_gate.feature_distances import Distance, read_distances
from models.data import features

STATISTICS_FILE, ANOMALIES_FILE = "FeatureStats.pb", "SchemaDiff.pb"  # as TFX names them, in each split's folder

_SPLITS = (*features.SPLITS, features.PREVIOUS)
_SHOWN = 5  # most frequent values


class NumberRow(NamedTuple):
    """A numeric feature in one split."""

    feature: str
    split: str
    images: int
    missing: int
    smallest: float
    median: float
    largest: float
    mean: float
    deviation: float


class TextRow(NamedTuple):
    """A string feature in one split: the number of distinct values, and the most frequent with their shares."""

    feature: str
    split: str
    images: int
    distinct: int
    most: str


class AnomalyRow(NamedTuple):
    """An anomaly that ExampleValidator found."""

    split: str
    feature: str
    description: str


@dataclass(frozen=True)
class DataViews:
    """All rows.

    Attributes:
      numbers: numeric features, sorted by feature.
      texts: string features, likewise.
      anomalies: empty if there are none; None if the validator did not complete.
      distances: between train and the splits that it was compared with.
    """

    numbers: list[NumberRow]
    texts: list[TextRow]
    anomalies: list[AnomalyRow] | None
    distances: list[Distance]


def read_views(statistics: Path | None, anomalies: Path | None, verdict: Path | None = None) -> DataViews | None:
    """The statistics of a run; None if it has none.

    Args:
      statistics: the folder of StatisticsGen's artifact.
      anomalies: of ExampleValidator's.
      verdict: of AnomalyGate's.
    """
    found = {split: one for split in _SPLITS if statistics and (one := _statistics(statistics, split))}
    if not found:
        return None
    numbers = [row for split, one in found.items() for row in _numbers(split, one)]
    texts = [row for split, one in found.items() for row in _texts(split, one)]
    return DataViews(
        sorted(numbers, key=lambda row: row.feature),
        sorted(texts, key=lambda row: row.feature),
        _anomalies(anomalies) if anomalies else None,
        read_distances(verdict) if verdict else [],
    )


def _statistics(folder: Path, split: str) -> statistics_pb2.DatasetFeatureStatistics | None:
    path = folder / f"Split-{split}" / STATISTICS_FILE
    found = statistics_pb2.DatasetFeatureStatisticsList()
    return found.datasets[0] if _read(path, found) and found.datasets else None


def _name(feature: statistics_pb2.FeatureNameStatistics) -> str:
    return ".".join(feature.path.step) or feature.name


def _numbers(split: str, statistics: statistics_pb2.DatasetFeatureStatistics) -> list[NumberRow]:
    return [
        NumberRow(
            _name(feature),
            split,
            stats.common_stats.num_non_missing,
            stats.common_stats.num_missing,
            stats.min,
            stats.median,
            stats.max,
            stats.mean,
            stats.std_dev,
        )
        for feature in statistics.features
        if feature.WhichOneof("stats") == "num_stats" and (stats := feature.num_stats)
    ]


def _texts(split: str, statistics: statistics_pb2.DatasetFeatureStatistics) -> list[TextRow]:
    """Without features that are unique to each image, and without empty ones."""
    rows = []
    for feature in statistics.features:
        stats, name = feature.string_stats, _name(feature)
        if feature.WhichOneof("stats") != "string_stats" or name in (features.IMAGE_ID, features.IMAGE_DIGEST):
            continue
        buckets, images = stats.rank_histogram.buckets, stats.common_stats.num_non_missing
        if all(not bucket.label for bucket in buckets):
            continue
        most = ", ".join(f"{one.label or '(none)'} {one.sample_count / max(images, 1):.0%}" for one in buckets[:_SHOWN])
        rows.append(TextRow(name, split, images, stats.unique, most))
    return rows


def _anomalies(folder: Path) -> list[AnomalyRow] | None:
    """None if no split was checked; a damaged file is listed, since its split may have anomalies."""
    paths = {split: path for split in _SPLITS if (path := folder / f"Split-{split}" / ANOMALIES_FILE).is_file()}
    rows = []
    for split, path in paths.items():
        found = anomalies_pb2.Anomalies()
        if _read(path, found):
            rows += [AnomalyRow(split, name, info.description) for name, info in sorted(found.anomaly_info.items())]
        else:
            rows.append(AnomalyRow(split, "", "the anomalies cannot be read"))
    return rows if paths else None


def _read(path: Path, message: Message) -> bool:
    """Fills ``message``; False if the file is missing or damaged, as after a component was killed."""
    try:
        message.ParseFromString(path.read_bytes())
    except (OSError, DecodeError):
        return False
    return True
