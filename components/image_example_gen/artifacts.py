"""The artifact types of ImageExampleGen."""

from tfx.types.artifact import Artifact


class IngestReport(Artifact):
    """``counts.json`` (figures) and ``quarantine.csv`` (path, reason, bytes of every file that is not used)."""

    TYPE_NAME = "siamese.IngestReport"
