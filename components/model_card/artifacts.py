"""The artifact in which the card lies."""

from tfx.types.artifact import Artifact


class ModelCard(Artifact):
    """``model_card.md`` as in ``manifest.CARD_FILE``, of a model that every gate has judged."""

    TYPE_NAME = "siamese.ModelCard"
