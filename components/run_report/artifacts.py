"""The artifact type of RunReport."""

from tfx.types.artifact import Artifact


class Report(Artifact):
    """``report.html`` and ``summary.json`` of a completed run."""

    TYPE_NAME = "siamese.RunReport"
