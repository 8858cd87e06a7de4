"""The margins of a loss where none are given: what suits the distance, and how long embeddings are."""

import math

from models.settings.encoder import EncoderSettings

# Of unit embeddings, whose Euclidean distance is 1.41 between random directions and 2 at most.
_ON_THE_SPHERE = {
    "contrastive": {"margin": 1.1, "positive_margin": 0.3},
    "triplet": {"margin": 0.2},  # Schroff et al. 2015
}
_COSINES = {
    "contrastive": {"margin": 0.6, "positive_margin": 0.05},  # half the squares of the Euclidean ones
    "triplet": {"margin": 0.2},
}


def default_margins(name: str, form: str, distance: str, encoder: EncoderSettings) -> dict[str, float]:
    """The margins of the loss ``name``, in units of the distance that it is taken of; none where it has none."""
    margins = (_COSINES if distance == "cosine" else _ON_THE_SPHERE).get(name, {})
    scaled = {key: float(f"{margin * scale(distance, encoder):.3g}") for key, margin in margins.items()}
    return {key: margin for key, margin in scaled.items() if form == "batch" or key == "margin"}


def scale(distance: str, encoder: EncoderSettings) -> float:
    """How far random embeddings lie apart, compared with the Euclidean distance of random unit embeddings.

    Sums of d differences grow faster than their root: of ``manhattan`` it is sqrt(2 d / pi), of ``weighted_manhattan``,
    whose weights begin at 1 / sqrt(d), sqrt(2 / pi). Where the length of embeddings is free, a training begins with
    lengths of about sqrt(d), and those of koch2015, sigmoids, are taken as spread evenly between 0 and 1.
    """
    if distance == "cosine":
        return 1.0
    size = encoder.embedding
    ratio = {"manhattan": math.sqrt(2 * size / math.pi), "weighted_manhattan": math.sqrt(2 / math.pi)}
    free = math.sqrt(size / 12) if encoder.name == "koch2015" else math.sqrt(size)
    return ratio.get(distance, 1.0) * (1.0 if encoder.unit_norm else free)


def furthest(distance: str, encoder: EncoderSettings) -> float:
    """The largest distance that there can be; infinite where embeddings or weights of the distance may grow."""
    if distance == "cosine":
        return 2.0
    if not encoder.unit_norm or distance == "weighted_manhattan":
        return math.inf
    return 2.0 if distance == "euclidean" else 2 * math.sqrt(encoder.embedding)
