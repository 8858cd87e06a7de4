"""The artifact type of ModelCard."""

from tfx.types.artifact import Artifact


class ModelCard(Artifact):
    """``model_card.md`` as in ``manifest.CARD_FILE``, of a model that every gate has evaluated."""

    TYPE_NAME = "siamese.ModelCard"
