"""The artifact type of the scored pairs."""

from tfx.types.artifact import Artifact


class PairScores(Artifact):
    """``scores.parquet`` as in ``table.SCHEMA``; custom property ``pairs``: its rows."""

    TYPE_NAME = "siamese.PairScores"
