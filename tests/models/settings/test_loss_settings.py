import math

import numpy as np
import pytest
from pydantic import ValidationError

from models.settings import EncoderSettings, LossSettings, ModelSettings


def refusal(**given) -> str:
    with pytest.raises(ValidationError) as caught:
        LossSettings(**given)
    (problem,) = caught.value.errors()
    return problem["msg"].removeprefix("Value error, ")


@pytest.mark.parametrize(
    ("given", "in_force"),
    [
        ({}, {"margin": 1.1, "positive_margin": 0.3}),
        ({"form": "pairs"}, {"margin": 1.1}),
        ({"distance": "cosine"}, {"margin": 0.6, "positive_margin": 0.05}),
        ({"margin": 0.9}, {"margin": 0.9, "positive_margin": 0.3}),
        ({"name": "triplet"}, {"margin": 0.2}),
        ({"name": "multi_similarity", "beta": 40}, {"alpha": 2, "beta": 40, "base": 0.5, "epsilon": 0.1}),
        ({"name": "supervised_contrastive"}, {"temperature": 0.1}),
        ({"name": "binary_cross_entropy"}, {}),
    ],
    ids=str,
)
def test_each_loss_has_its_options_and_their_defaults(given, in_force):
    settings = LossSettings(**given)
    assert settings.options() == in_force
    assert LossSettings.model_validate(settings.model_dump(mode="json")) == settings  # as the Trainer reads it


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"name": "supervised_contrastive", "margin": 0.4},
            "margin is not an option of supervised_contrastive (form: batch); it takes temperature",
        ),
        (
            {"form": "pairs", "positive_margin": 0.1},
            "positive_margin is not an option of contrastive (form: pairs); it takes margin",
        ),
        (
            {"name": "binary_cross_entropy", "margin": 0.1},
            "margin is not an option of binary_cross_entropy (form: batch); it takes none",
        ),
        ({"name": "triplet", "form": "pairs"}, "triplet compares all images of a batch: form must be batch"),
        (
            {"name": "multi_similarity", "distance": "manhattan"},
            "multi_similarity works on cosines: distance must be euclidean or cosine, not manhattan",
        ),
        (
            {"margin": 1.1, "positive_margin": 1.2},
            "positive_margin 1.2 must be below margin 1.1",
        ),
    ],
    ids=str,
)
def test_what_does_not_go_together_is_refused_in_a_sentence(given, message):
    assert refusal(**given) == message


def test_a_loss_of_directions_wants_unit_embeddings():
    free, loss = EncoderSettings(unit_norm=False), LossSettings(name="supervised_contrastive")
    with pytest.raises(
        ValidationError, match=r"supervised_contrastive needs encoder\.unit_norm, or loss\.distance: cosine"
    ):
        ModelSettings(encoder=free, loss=loss)
    assert ModelSettings(encoder=free, loss=LossSettings(name="supervised_contrastive", distance="cosine"))


def fitted(encoder=None, **loss) -> LossSettings:
    return ModelSettings.model_validate({"encoder": encoder or {}, "loss": loss}).loss


@pytest.mark.parametrize(
    ("encoder", "loss", "margins"),
    [
        ({}, {}, (1.1, 0.3)),
        ({"embedding": 256}, {}, (1.1, 0.3)),
        ({}, {"distance": "cosine"}, (0.6, 0.05)),
        ({"unit_norm": False}, {"distance": "cosine"}, (0.6, 0.05)),
        ({"embedding": 64}, {"distance": "manhattan"}, (7.02, 1.91)),
        ({"embedding": 256}, {"distance": "manhattan"}, (14.0, 3.83)),
        ({"embedding": 256}, {"distance": "weighted_manhattan"}, (0.878, 0.239)),
        ({"unit_norm": False}, {}, (8.8, 2.4)),
        ({"unit_norm": False, "embedding": 16}, {}, (4.4, 1.2)),
        ({"name": "koch2015"}, {}, (20.3, 5.54)),
        ({"unit_norm": False}, {"form": "pairs"}, (8.8, None)),
        ({"unit_norm": False}, {"margin": 3.0}, (3.0, 2.4)),
        ({"unit_norm": False}, {"name": "triplet"}, (1.6, None)),
        ({"embedding": 64}, {"name": "triplet", "distance": "manhattan"}, (1.28, None)),
    ],
    ids=str,
)
def test_margins_suit_the_distance_and_the_embeddings(encoder, loss, margins):
    found = fitted(encoder, **loss)
    assert (found.margin, found.positive_margin) == margins
    whole = ModelSettings.model_validate({"encoder": encoder, "loss": loss})
    assert ModelSettings.model_validate(whole.model_dump(mode="json")) == whole


@pytest.mark.parametrize("size", [16, 256])
@pytest.mark.parametrize("distance", ["euclidean", "manhattan", "weighted_manhattan"])
def test_random_directions_lie_as_far_beyond_the_margin_whatever_the_distance(distance, size):
    x = np.random.default_rng(0).normal(size=(2, 500, size))
    a, b = x / np.linalg.norm(x, axis=-1, keepdims=True)
    between = np.linalg.norm(a - b, axis=1) if distance == "euclidean" else np.abs(a - b).sum(axis=1)
    if distance == "weighted_manhattan":
        between /= math.sqrt(size)  # where its weights begin
    margin = fitted({"embedding": size}, distance=distance).margin
    assert between.mean() / margin == pytest.approx(math.sqrt(2) / 1.1, rel=0.03)


@pytest.mark.parametrize(
    ("encoder", "loss", "message"),
    [
        (
            {},
            {"margin": 2.0},
            "loss.margin 2 is never reached: the euclidean distance of these embeddings is 2 at most; ",
        ),
        (
            {"unit_norm": False},
            {"margin": 2.5, "distance": "cosine"},
            "the cosine distance of these embeddings is 2 at",
        ),
        (
            {"embedding": 16},
            {"margin": 8.0, "distance": "manhattan"},
            "the manhattan distance of these embeddings is 8",
        ),
        ({}, {"name": "triplet", "margin": 2.0}, "0.2 is usual, or set encoder.unit_norm: false"),
        ({}, {"positive_margin": 1.2}, "loss.positive_margin 1.2 must be below margin 1.1"),
        ({"unit_norm": False}, {"positive_margin": 9}, "loss.positive_margin 9.0 must be below margin 8.8"),
    ],
    ids=str,
)
def test_a_margin_that_no_distance_reaches_is_refused(encoder, loss, message):
    with pytest.raises(ValidationError) as caught:
        fitted(encoder, **loss)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("encoder", "loss"),
    [
        ({"unit_norm": False}, {"margin": 5.0}),
        ({"embedding": 64}, {"margin": 8.0, "distance": "manhattan"}),
        ({}, {"margin": 5.0, "distance": "weighted_manhattan"}),
    ],
    ids=str,
)
def test_a_large_margin_is_taken_where_distances_grow(encoder, loss):
    assert fitted(encoder, **loss).margin == loss["margin"]
