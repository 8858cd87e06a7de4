"""The artifact in which a run's report lies."""

from tfx.types.artifact import Artifact


class Report(Artifact):
    """``report.html`` and ``summary.json``, of a run that came to its end."""

    TYPE_NAME = "siamese.RunReport"
