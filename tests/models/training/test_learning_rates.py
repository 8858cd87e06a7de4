import keras
import pytest

from models.settings import TrainingSettings
from models.training.compiled_model import build_schedule


def rates(steps: tuple[int, ...], total: int = 100, **given) -> list[float]:
    schedule = build_schedule(TrainingSettings(learning_rate=0.2, **given), total)
    return [float(schedule(step)) for step in steps]


def test_constant_stays():
    assert rates((0, 50, 99, 500), schedule="constant") == pytest.approx([0.2] * 4)


def test_cosine_falls_to_zero():
    assert rates((0, 50, 100)) == pytest.approx([0.2, 0.1, 0.0], abs=1e-7)


def test_step_falls_to_a_tenth_at_each_share_of_the_steps():
    found = rates((0, 49, 51, 89, 91), schedule="step", drops=(0.9, 0.5))
    assert found == pytest.approx([0.2, 0.2, 0.02, 0.02, 0.002])


@pytest.mark.parametrize("schedule", ["constant", "cosine", "step"])
def test_a_warm_up_rises_evenly_to_the_schedules_rate(schedule):
    steps = (0, 4, 9, 10, 70)
    plain = rates(steps, schedule=schedule)
    warmed = rates(steps, schedule=schedule, warmup=10)
    assert warmed == pytest.approx([0.1 * plain[0], 0.5 * plain[1], *plain[2:]])


def test_a_warm_up_survives_serialisation():
    schedule = build_schedule(TrainingSettings(warmup=7, schedule="step"), 50)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(schedule))
    assert [float(again(step)) for step in range(50)] == [float(schedule(step)) for step in range(50)]


def test_a_training_of_no_steps_has_a_schedule():
    assert rates((0,), total=0, schedule="step", warmup=3) == pytest.approx([0.2 / 3])
