import pytest
from pydantic import ValidationError

from models.settings import EncoderSettings, LossSettings, ModelSettings


def refusal(**given) -> str:
    with pytest.raises(ValidationError) as caught:
        LossSettings(**given)
    (fault,) = caught.value.errors()
    return fault["msg"].removeprefix("Value error, ")


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
    ("given", "said"),
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
        ({"positive_margin": 1.2}, "positive_margin 1.2 must be below margin 1.1"),
    ],
    ids=str,
)
def test_what_does_not_go_together_is_refused_in_a_sentence(given, said):
    assert refusal(**given) == said


def test_a_loss_of_directions_wants_unit_embeddings():
    free, loss = EncoderSettings(unit_norm=False), LossSettings(name="supervised_contrastive")
    with pytest.raises(
        ValidationError, match=r"supervised_contrastive needs encoder\.unit_norm, or loss\.distance: cosine"
    ):
        ModelSettings(encoder=free, loss=loss)
    assert ModelSettings(encoder=free, loss=LossSettings(name="supervised_contrastive", distance="cosine"))
