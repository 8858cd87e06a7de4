"""The artifact type of Baseline's report."""

from tfx.types.artifact import Artifact


class BaselineFound(Artifact):
    """``baseline.json`` as in ``report.BaselineReport``; custom properties ``status`` and ``version``."""

    TYPE_NAME = "siamese.BaselineFound"
