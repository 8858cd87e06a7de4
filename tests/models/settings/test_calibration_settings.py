import pytest
from pydantic import ValidationError

from models.settings import CalibrationSettings


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"objective": "target_far"}, "objective: target_far needs value, e.g. value: 0.01"),
        ({"objective": "target_precision"}, "objective: target_precision needs value, e.g. value: 0.95"),
        ({"value": 0.9}, "value is for objective: target_precision or target_far; best_accuracy takes none"),
        (
            {"objective": "target_far", "value": 0.1, "prior": 0.1},
            "prior is for objective: target_precision; target_far takes none",
        ),
    ],
    ids=str,
)
def test_what_an_objective_does_not_read_is_refused(given, message):
    with pytest.raises(ValidationError) as caught:
        CalibrationSettings(**given)
    (problem,) = caught.value.errors()
    assert problem["msg"].removeprefix("Value error, ") == message


@pytest.mark.parametrize("value", [0, 1, 95])
def test_a_value_is_a_share(value):
    with pytest.raises(ValidationError, match="value"):
        CalibrationSettings(objective="target_precision", value=value)
