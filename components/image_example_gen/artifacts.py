"""The artifact types of ImageExampleGen."""

from tfx.types.artifact import Artifact


class IngestReport(Artifact):
    """Figures of the images, and two lists.

    ``counts.json``; ``quarantine.csv`` (path, reason, bytes of every file that is not used); ``near_duplicates.csv``
    (pairs of images that look the same, their identities and splits).
    """

    TYPE_NAME = "siamese.IngestReport"
