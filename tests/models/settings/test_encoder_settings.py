import pytest
from pydantic import ValidationError

from models.settings import EncoderSettings, ImageSettings, LossSettings, ModelSettings


@pytest.mark.parametrize(
    ("given", "in_force"),
    [
        ({}, {"name": "cnn", "filters": (32, 64, 64), "embedding": 64}),
        ({"name": "residual"}, {"filters": (32, 64, 128), "blocks": 1}),
        ({"name": "koch2015"}, {"embedding": 4096, "unit_norm": False}),
        ({"name": "koch2015", "embedding": 32}, {"embedding": 32, "unit_norm": False}),
        ({"name": "backbone"}, {"backbone": "MobileNetV3Small", "weights": "none", "fine_tune_rate": 0.1}),
        ({"backbone": "ResNet50"}, {"name": "backbone", "filters": None, "weights": "none"}),
    ],
    ids=str,
)
def test_each_network_has_its_options_and_their_defaults(given, in_force):
    settings = EncoderSettings(**given)
    assert {key: getattr(settings, key) for key in in_force} == in_force
    assert EncoderSettings.model_validate(settings.model_dump(mode="json")) == settings


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"blocks": 2},
            "blocks is not an option of the encoder cnn; it takes filters; blocks is for compact or residual",
        ),
        (
            {"name": "cnn", "backbone": "ResNet50"},
            "backbone is not an option of the encoder cnn; it takes filters; backbone is for backbone",
        ),
        (
            {"name": "koch2015", "blocks": 3},
            "blocks is not an option of the encoder koch2015; it takes none of its own",
        ),
        ({"name": "backbone", "backbone": "ResNet51"}, "'ResNet51' is none of keras.applications: "),
    ],
    ids=str,
)
def test_what_a_network_does_not_read_is_refused(given, message):
    with pytest.raises(ValidationError) as caught:
        EncoderSettings(**given)
    assert caught.value.errors()[0]["msg"].removeprefix("Value error, ").startswith(message)


@pytest.mark.parametrize("weights", [{}, {"weights": "none"}], ids=str)
def test_random_weights_are_not_held_on_to(weights):
    with pytest.raises(ValidationError) as caught:
        EncoderSettings(name="backbone", frozen_epochs=5, **weights)
    message = caught.value.errors()[0]["msg"]
    assert message.removeprefix("Value error, ").startswith("frozen_epochs: 5 would hold on to random weights; give")
    assert EncoderSettings(name="backbone", frozen_epochs=5, weights="imagenet").frozen_epochs == 5


@pytest.mark.parametrize("settings", [EncoderSettings, LossSettings])
def test_a_name_that_is_no_text_is_refused(settings):
    with pytest.raises(ValidationError, match="name"):
        settings(name={"no": 1})


def test_images_too_small_for_a_backbone_are_refused_with_both_sizes():
    with pytest.raises(ValidationError, match=r"Xception takes images of at least 71x71, .* are 64 and 80"):
        ModelSettings(
            image=ImageSettings(height=64, width=80, channels=3),
            encoder=EncoderSettings(name="backbone", backbone="Xception"),
        )
