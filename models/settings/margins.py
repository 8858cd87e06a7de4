"""The margins of a loss where none are given: what suits the distance, and how long embeddings may be."""

import math

# Of unit embeddings, whose Euclidean distance is 1.41 between random directions and 2 at most.
_ON_THE_SPHERE = {
    "contrastive": {"margin": 1.1, "positive_margin": 0.3},
    "triplet": {"margin": 0.2},  # Schroff et al. 2015
}
_COSINES = {
    "contrastive": {"margin": 0.6, "positive_margin": 0.05},  # half the squares of the Euclidean ones
    "triplet": {"margin": 0.2},
}
# Of embeddings of any length, which grow to fit: the usual ones (Hadsell et al. 2006; Balntas et al. 2016).
_FREE = {
    "contrastive": {"margin": 1.0, "positive_margin": 0.0},
    "triplet": {"margin": 1.0},
}


def default_margins(name: str, form: str, distance: str, unit_norm: bool, embedding: int) -> dict[str, float]:
    """The margins of the loss ``name``, in units of the distance that it is taken of; none where it has none.

    Euclidean margins are multiplied by the ratio of the two distances between random directions: of ``manhattan`` that
    is sqrt(2 d / pi), of ``weighted_manhattan``, whose weights begin at 1 / sqrt(d), sqrt(2 / pi).
    """
    margins = (_COSINES if distance == "cosine" else _ON_THE_SPHERE if unit_norm else _FREE).get(name, {})
    ratio = {"manhattan": math.sqrt(2 * embedding / math.pi), "weighted_manhattan": math.sqrt(2 / math.pi)}
    scaled = {key: float(f"{margin * ratio.get(distance, 1.0):.3g}") for key, margin in margins.items()}
    return {key: margin for key, margin in scaled.items() if form == "batch" or key == "margin"}


def furthest(distance: str, unit_norm: bool, embedding: int) -> float:
    """The largest distance that there can be; infinite where embeddings or weights of the distance may grow."""
    if distance == "cosine":
        return 2.0
    if not unit_norm or distance == "weighted_manhattan":
        return math.inf
    return 2.0 if distance == "euclidean" else 2 * math.sqrt(embedding)
