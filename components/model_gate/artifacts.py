"""The artifact that holds the measures with their intervals."""

from tfx.types.artifact import Artifact

INTERVALS_FILE = "intervals.json"


class MeasuredPairs(Artifact):
    """``intervals.json`` as in ``intervals.MeasuredIntervals``; absent where the scores cannot be measured."""

    TYPE_NAME = "siamese.MeasuredPairs"
