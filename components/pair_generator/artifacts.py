"""The artifact in which the pair generator writes down what it gave."""

from tfx.types.artifact import Artifact

COUNTS_FILE = "counts.json"
TABLE_FILE = "counts.md"


class PairReport(Artifact):
    """``counts.json`` for machines and ``counts.md`` for people: pairs per split and kind, and who was left out."""

    TYPE_NAME = "siamese.PairReport"
