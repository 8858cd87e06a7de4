import pytest

from models.errors import TrainingFailed
from models.training.validation import TrainingMonitors

FINE = {"loss": 0.4, "val_genuine_distance": 0.3, "val_impostor_distance": 1.2, "val_spread": 0.9}


def test_a_training_that_learns_goes_on():
    TrainingMonitors().on_epoch_end(3, dict(FINE))


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ({"loss": float("nan")}, "in epoch 4: the loss is not a finite number; try a lower training.learning_rate"),
        ({"loss": float("inf")}, "in epoch 4: the loss is not a finite number"),
        ({"val_impostor_distance": float("nan")}, "in epoch 4: a validation distance is not a finite number"),
    ],
    ids=["loss-nan", "loss-infinite", "distance"],
)
def test_one_that_can_come_to_nothing_is_stopped_with_the_reason(seen, expected):
    with pytest.raises(TrainingFailed) as caught:
        TrainingMonitors().on_epoch_end(3, FINE | seen)
    assert str(caught.value).startswith(f"training failed {expected}")


COLLAPSED = FINE | {"val_spread": 1e-5, "val_impostor_distance": 2e-6}


def test_a_collapse_that_stays_is_one():
    monitors = TrainingMonitors()
    monitors.on_epoch_end(3, COLLAPSED)
    with pytest.raises(TrainingFailed) as caught:
        monitors.on_epoch_end(4, COLLAPSED)
    expected = "in epoch 5: the encoder has collapsed to one point (impostors are 2e-06 apart on the validation"
    assert str(caught.value).startswith(f"training failed {expected}")


def test_a_network_that_comes_back_from_one_point_goes_on():
    monitors = TrainingMonitors()
    for epoch, seen in enumerate([COLLAPSED, FINE, COLLAPSED, FINE]):
        monitors.on_epoch_end(epoch, dict(seen))


def test_what_is_no_number_stops_at_once_after_a_collapse_too():
    monitors = TrainingMonitors()
    monitors.on_epoch_end(0, COLLAPSED)
    with pytest.raises(TrainingFailed, match="in epoch 2: the loss is not a finite number"):
        monitors.on_epoch_end(1, COLLAPSED | {"loss": float("nan")})
