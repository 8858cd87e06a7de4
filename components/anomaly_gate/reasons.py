"""Anomalies as sentences."""

from tensorflow_metadata.proto.v0 import anomalies_pb2


def reasons(split: str, anomalies: anomalies_pb2.Anomalies) -> list[str]:
    """One sentence for each anomaly: split, feature, what is wrong."""
    named = [(_feature(key, info), info) for key, info in anomalies.anomaly_info.items()]
    found = [f"split {split}, {feature}: {_what(info)}" for feature, info in sorted(named, key=lambda pair: pair[0])]
    if anomalies.HasField("dataset_anomaly_info"):
        found.append(f"split {split}: {_what(anomalies.dataset_anomaly_info)}")
    if anomalies.data_missing:
        found.append(f"split {split}: it holds no examples.")
    return found


def _feature(key: str, info: anomalies_pb2.AnomalyInfo) -> str:
    return ".".join(info.path.step) or key


def _what(info: anomalies_pb2.AnomalyInfo) -> str:
    # A missing value also breaks the shape, and that sentence would hide the other one.
    shape = anomalies_pb2.AnomalyInfo.INVALID_FEATURE_SHAPE
    descriptions = [reason.description for reason in info.reason if reason.type != shape and reason.description]
    text = " ".join(" ".join(descriptions or [info.description or info.short_description]).split())
    return text if text.endswith(".") else f"{text}."
