import math

import pytest

from models.settings import ModelSettings
from models.settings.tuner import Range, TunerSettings
from models.training.search_space import fitted_to


def test_a_list_or_a_range_or_auto_or_nothing():
    given = TunerSettings(margin=[1.5, 1, 1], dropout={"min": 0, "max": 0.5}, embedding=None)
    assert given.margin == (1.0, 1.5)
    assert given.dropout == Range(min=0, max=0.5)
    assert (given.embedding, given.learning_rate) == (None, "auto")
    assert TunerSettings.model_validate(given.model_dump(mode="json")) == given


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("value", "message"),
    [
        (3, "must be numbers such as [1, 2], a range {min, max, log}, auto or null, not 3"),
        ([], "must be numbers such as [1, 2], a range {min, max, log}, auto or null, not []"),
        ([0.1, True], "must be numbers such as [1, 2], a range {min, max, log}, auto or null, not [0.1, True]"),
        ("automatic", "must be numbers such as [1, 2], a range {min, max, log}, auto or null, not 'automatic'"),
        ([math.inf], "must be numbers such as [1, 2], a range {min, max, log}, auto or null, not [inf]"),
        ({"min": 2, "max": 1}, "min 2 must be below max 1 (a range is {min, max, log})"),
        ({"min": 0, "max": 1, "log": True}, "log: true needs a min above 0 (a range is {min, max, log})"),
        ({"min": 1, "max": 2, "lgo": True}, "lgo: Extra inputs are not permitted (a range is {min, max, log})"),
        ({"min": 1}, "max: Field required (a range is {min, max, log})"),
    ],
    ids=str,
)
def test_a_line_that_means_nothing_is_one_sentence(value, message):
    with pytest.raises(ValueError, match="1 validation error") as raised:
        TunerSettings(margin=value)
    (problem,) = raised.value.errors()
    assert (problem["loc"], problem["msg"]) == (("margin",), f"Value error, {message}")


@pytest.mark.parametrize(
    ("recipe", "space"),
    [
        (
            {"loss": {"margin": 1.0, "positive_margin": 0.5}, "training": {"learning_rate": 0.01}},
            {
                "margin": Range(min=0.75, max=1.4),
                "learning_rate": Range(min=0.002, max=0.05, log=True),
                "embedding": (32, 64, 128),
                "dropout": (0.0, 0.1, 0.2, 0.4),
            },
        ),
        (
            {
                "loss": {"name": "triplet", "margin": 0.5},
                "training": {"optimizer": "sgd", "learning_rate": 0.1},
                "encoder": {"name": "koch2015", "dropout": 0.3},
                "augmentation": {"preset": "faces"},
            },
            {
                "margin": Range(min=0.3, max=0.7),
                "learning_rate": Range(min=0.02, max=0.5, log=True),
                "embedding": (2048, 4096),
                "dropout": (0.0, 0.1, 0.2, 0.3, 0.4),
                "augmentation": Range(min=0.5, max=1.5),
            },
        ),
    ],
    ids=["contrastive", "triplet"],
)
def test_auto_is_what_lies_around_the_recipes_own(recipe, space):
    found = fitted_to(TunerSettings(trials=9), ModelSettings.model_validate(recipe)).space
    assert found.keys() == space.keys()
    for name, wanted in space.items():
        if isinstance(wanted, Range):
            assert (found[name].min, found[name].max) == pytest.approx((wanted.min, wanted.max))
            assert found[name].log == wanted.log
        else:
            assert found[name] == wanted


def test_of_lists_alone_no_more_is_tried_than_there_is():
    lists = {"margin": [0.9, 1.1], "learning_rate": [1e-3, 2e-3, 3e-3], "embedding": None, "dropout": None}
    assert fitted_to(TunerSettings(trials=50, **lists), ModelSettings()).trials == 6
    assert fitted_to(TunerSettings(trials=4, **lists), ModelSettings()).trials == 4
    ranged = {**lists, "learning_rate": {"min": 1e-3, "max": 1e-2}}
    assert fitted_to(TunerSettings(trials=50, **ranged), ModelSettings()).trials == 50


def test_something_must_be_tuned_and_embeddings_are_whole():
    nothing = dict.fromkeys(("margin", "learning_rate", "embedding", "dropout"))
    with pytest.raises(ValueError, match=r"tuner.trials 2: nothing is tuned; give one of margin, learning_rate"):
        fitted_to(TunerSettings(trials=2, **nothing), ModelSettings())
    with pytest.raises(ValueError, match=r"tuner.embedding 16.5: must be a whole number"):
        fitted_to(TunerSettings(trials=2, embedding={"min": 16.5, "max": 64}), ModelSettings())
