import pytest
from pydantic import ValidationError

from models.settings import AugmentationSettings
from models.settings.augmentation import PRESETS


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_fills_in_what_is_not_given(preset):
    settings = AugmentationSettings(preset=preset)
    plain = AugmentationSettings().model_dump() | {"preset": preset}
    assert settings.model_dump() == plain | PRESETS[preset]
    assert AugmentationSettings(preset=preset, scale=0.33).scale == 0.33
    assert AugmentationSettings.model_validate(settings.model_dump(mode="json")) == settings


@pytest.mark.parametrize("preset", ["faces", "signatures"])
@pytest.mark.parametrize(
    "turned",
    [{"rotation": 3}, {"mirror": True}, {"quarter_turns_are_identities": True}, {"mirrors_are_identities": True}],
)
def test_faces_and_signatures_are_never_turned_or_mirrored(preset, turned):
    (key,) = turned
    with pytest.raises(ValidationError, match=f"{key} is not for {preset}: they are never turned or mirrored"):
        AugmentationSettings(preset=preset, **turned)
    assert AugmentationSettings(**turned)
