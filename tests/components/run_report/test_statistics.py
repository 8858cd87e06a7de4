"""Statistics and anomalies as rows, from protos as TFDV writes them."""

import re

import pytest
from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2

from components.gates.anomaly_gate.feature_distances import Distance, write_distances
from components.run_outcome.summary import RunSummary
from components.run_report.content import Content
from components.run_report.page import render
from components.run_report.statistics import ANOMALIES_FILE, STATISTICS_FILE, read_views


@pytest.fixture
def artifacts(tmp_path):
    """(statistics, anomalies): two splits; an anomaly in one of them."""
    for split, mean in (("train", 0.5), ("test", 0.25)):
        found = statistics_pb2.DatasetFeatureStatisticsList()
        dataset = found.datasets.add(num_examples=40)
        number = dataset.features.add().num_stats
        dataset.features[0].path.step.append("brightness")
        number.common_stats.num_non_missing, number.common_stats.num_missing = 39, 1
        number.min, number.median, number.max, number.mean, number.std_dev = 0.0, 0.5, 1.0, mean, 0.125
        for name, labels in (("format", ("<PNG>", "JPEG")), ("image_id", ("a", "b")), ("group", ("",))):
            feature = dataset.features.add()
            feature.path.step.append(name)
            feature.string_stats.unique = len(labels)
            feature.string_stats.common_stats.num_non_missing = 40
            for rank, label in enumerate(labels):
                feature.string_stats.rank_histogram.buckets.add(label=label, sample_count=30 - 20 * rank)
        for kind, file, message in (
            ("statistics", STATISTICS_FILE, found),
            ("anomalies", ANOMALIES_FILE, anomalies_pb2.Anomalies()),
        ):
            if kind == "anomalies" and split == "test":
                message.anomaly_info["height"].description = "too <high>"
            folder = tmp_path / kind / f"Split-{split}"
            folder.mkdir(parents=True)
            (folder / file).write_bytes(message.SerializeToString())
    return tmp_path / "statistics", tmp_path / "anomalies"


def test_the_rows_of_a_feature_are_next_to_each_other(artifacts):
    views = read_views(*artifacts)
    assert [(row.feature, row.split, row.mean, row.images, row.missing) for row in views.numbers] == [
        ("brightness", "train", 0.5, 39, 1),
        ("brightness", "test", 0.25, 39, 1),
    ]
    assert [(row.feature, row.split, row.distinct, row.most) for row in views.texts] == [
        ("format", split, 2, "<PNG> 75%, JPEG 25%") for split in ("train", "test")
    ]
    assert views.anomalies == [("test", "height", "too <high>")]


def test_missing_artifacts_have_no_rows(artifacts, tmp_path):
    assert read_views(None, None) is None
    assert read_views(tmp_path / "nowhere", None) is None
    assert read_views(artifacts[0], None).anomalies is None


def test_damaged_files_are_not_shown_as_free_of_anomalies(artifacts, tmp_path):
    for folder, file in zip(artifacts, (STATISTICS_FILE, ANOMALIES_FILE), strict=True):
        path = folder / "Split-test" / file
        path.write_bytes(path.read_bytes()[:-3])
    views = read_views(*artifacts)
    assert [row.split for row in views.numbers] == ["train"]
    assert views.anomalies == [("test", "", "the anomalies cannot be read")]
    assert read_views(artifacts[0], tmp_path / "nowhere").anomalies is None


def test_the_page_shows_them_as_text(artifacts):
    failed = RunSummary(run_id="r", status="failed", exit_code=2, error="e", seed=0, config_digest="")
    page = render(Content(failed, statistics=artifacts[0], anomalies=artifacts[1]))
    assert "too &lt;high&gt;" in page
    assert "&lt;PNG&gt; 75%" in page
    assert "Statistics of the images" not in render(Content(failed))


def test_the_distances_between_splits_are_on_the_page(artifacts, tmp_path):
    distance = Distance(
        feature="brightness", other="test", measure="Jensen-Shannon divergence", value=0.125, allowed=0.5
    )
    write_distances(tmp_path, [distance])
    assert read_views(*artifacts, tmp_path).distances == [distance]
    failed = RunSummary(run_id="r", status="failed", exit_code=2, error="e", seed=0, config_digest="")
    page = render(Content(failed, statistics=artifacts[0], anomaly_verdict=tmp_path))
    assert re.search(r"brightness</th><td>test</td><td class=.number.>0.1250</td><td class=.number.>0.5</td>", page)
