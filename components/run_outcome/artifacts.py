"""The artifact in which a run's outcome is written down."""

from tfx.types.artifact import Artifact


class RunOutcome(Artifact):
    """``outcome.json``: see ``outcome.Outcome``. Custom properties: ``status``, ``sentence``."""

    TYPE_NAME = "siamese.RunOutcome"
