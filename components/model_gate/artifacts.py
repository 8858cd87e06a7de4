"""The artifact that holds the metrics with their intervals."""

from tfx.types.artifact import Artifact

INTERVALS_FILE = "intervals.json"


class MeasuredPairs(Artifact):
    """``intervals.json`` as in ``intervals.MeasuredIntervals``; empty if nothing could be computed."""

    TYPE_NAME = "siamese.MeasuredPairs"
