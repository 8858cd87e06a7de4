import pytest

from models.settings import ModelSettings
from models.settings.tuner import Range, TunerSettings
from models.training.search_space import fitted_to, own_values, with_values

RECIPE = ModelSettings.model_validate(
    {"image": {"height": 28, "width": 28}, "augmentation": {"rotation": 100, "scale": 0.1, "erasing": 0.2}}
)


def test_each_value_takes_the_place_of_the_recipes_own():
    values = {"margin": 0.9, "learning_rate": 0.01, "embedding": 32.0, "dropout": 0.4, "augmentation": 2.0}
    found = with_values(RECIPE, values)

    assert (found.loss.margin, found.training.learning_rate) == (0.9, 0.01)
    assert (found.encoder.embedding, found.encoder.dropout) == (32, 0.4)
    distorted = found.augmentation
    assert (distorted.rotation, distorted.scale, distorted.erasing, distorted.shear) == (180, 0.2, 0.4, 0)
    given = {"loss": {"margin"}, "training": {"learning_rate"}, "encoder": {"embedding", "dropout"}}
    kept = {**given, "augmentation": True}
    assert found.model_dump(exclude=kept) == RECIPE.model_dump(exclude=kept)


def test_no_value_is_the_recipe():
    assert with_values(RECIPE, {}) == RECIPE
    strong = ModelSettings.model_validate({"augmentation": {"scale": 0.95}})
    assert with_values(strong, {"augmentation": 1.0}) == strong


def test_margins_of_a_distance_that_grows_with_the_embedding_grow_along():
    recipe = ModelSettings.model_validate({"encoder": {"embedding": 64}, "loss": {"distance": "manhattan"}})
    loss = with_values(recipe, {"embedding": 256}).loss
    assert (loss.margin, loss.positive_margin) == (2 * recipe.loss.margin, 2 * recipe.loss.positive_margin)
    assert with_values(recipe, {"embedding": 256, "margin": 5.0}).loss.margin == 5.0
    assert with_values(RECIPE, {"embedding": 256}).loss == RECIPE.loss
    free = ModelSettings.model_validate({"encoder": {"embedding": 64, "unit_norm": False}})
    assert with_values(free, {"embedding": 256}).loss.margin == 2 * free.loss.margin


def test_what_the_recipe_does_not_have_is_left_out():
    plain = ModelSettings.model_validate({"loss": {"name": "supervised_contrastive"}})
    assert fitted_to(TunerSettings(trials=3), plain).space.keys() == {"learning_rate", "embedding", "dropout"}
    assert fitted_to(TunerSettings(trials=3), RECIPE).space.keys() == {
        *("margin", "learning_rate", "embedding", "dropout", "augmentation")
    }


@pytest.mark.parametrize(
    ("given", "recipe", "message"),
    [
        ({"margin": [0.5]}, {"loss": {"name": "supervised_contrastive"}}, "tuner.margin: the loss supervised_contras"),
        ({"augmentation": [0.5]}, {}, "tuner.augmentation: the recipe distorts nothing"),
        ({"margin": [1.0, 0.2]}, {}, r"tuner.margin 0.2: positive_margin 0.3 must be below margin 0.2"),
        ({"dropout": {"min": 0.5, "max": 1.5}}, {}, "tuner.dropout 1.5: Input should be less than 1"),
        ({"embedding": [64, 5000]}, {}, "tuner.embedding 5000: Input should be less than or equal to 4096"),
    ],
)
def test_a_value_that_cannot_be_is_reported_before_the_first_trial(given, recipe, message):
    with pytest.raises(ValueError, match=message):
        fitted_to(TunerSettings(trials=3, **given), ModelSettings.model_validate(recipe))


def test_a_range_has_two_ends():
    with pytest.raises(ValueError, match="min 2 must be below max 1"):
        Range(min=2, max=1)


def test_the_recipes_own_values_are_tried_where_they_are_among_those_that_may_be():
    tuner = fitted_to(TunerSettings(trials=3, embedding=(64, 128), margin=None), RECIPE)
    assert own_values(RECIPE, tuner) == {"learning_rate": 2e-3, "embedding": 64, "dropout": 0.1, "augmentation": 1.0}
    assert own_values(RECIPE, tuner.model_copy(update={"embedding": (32, 128)})) is None
    assert own_values(RECIPE, tuner.model_copy(update={"learning_rate": Range(min=3e-3, max=1)})) is None
