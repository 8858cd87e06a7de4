"""Anomalies become sentences."""

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2

from components.anomaly_gate.reasons import reasons


def test_no_anomaly_no_reason():
    assert reasons("train", anomalies_pb2.Anomalies(baseline={})) == []


def test_each_anomaly_is_one_sentence_in_the_order_of_the_features():
    anomalies = text_format.Parse(
        """
        anomaly_info { key: "width" value { path { step: "width" } description: "Too\\nlarge: 9" } }
        anomaly_info { key: "\\\\'odd\\\\'" value { path { step: "odd" } short_description: "New column" } }
        dataset_anomaly_info { description: "Too few examples." }
        data_missing: true
        """,
        anomalies_pb2.Anomalies(),
    )

    assert reasons("val", anomalies) == [
        "split val, odd: New column.",
        "split val, width: Too large: 9.",
        "split val: Too few examples.",
        "split val: it holds no examples.",
    ]
