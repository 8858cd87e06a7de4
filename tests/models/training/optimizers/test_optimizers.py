import keras
import numpy as np
import pytest

from models.settings import TrainingSettings
from models.training.compiled_model import build_optimizer, steps_taken
from models.training.optimizers.muon import keras_muon


def network() -> keras.Model:
    inputs = keras.Input((3,))
    x = keras.layers.Dense(4, kernel_initializer="ones", bias_initializer="ones")(inputs)
    return keras.Model(inputs, keras.layers.BatchNormalization(gamma_initializer="ones")(x))


def optimizer(total: int = 10, **given) -> keras.optimizers.Optimizer:
    return build_optimizer(TrainingSettings(**{"learning_rate": 0.1, "schedule": "constant", **given}), total)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("adam", keras.optimizers.Adam),
        ("adamw", keras.optimizers.AdamW),
        ("muon", keras_muon()),
        ("sgd", keras.optimizers.SGD),
    ],
)
def test_the_optimizer_is_the_one_named(name, kind):
    made = optimizer(optimizer=name, learning_rate=0.01)
    assert type(made) is kind
    assert float(made.learning_rate) == pytest.approx(0.01)


@pytest.mark.parametrize("name", ["adamw", "muon", "sgd"])
def test_kernels_decay_and_biases_and_norms_do_not(name):
    model = network()
    made = optimizer(optimizer=name, weight_decay=0.5)
    made.build(model.trainable_variables)
    made.apply([keras.ops.zeros_like(variable) for variable in model.trainable_variables])
    after = {variable.path.split("/")[-1]: np.asarray(variable).mean() for variable in model.trainable_variables}
    assert after == pytest.approx({"kernel": 1 - 0.1 * 0.5, "bias": 1, "gamma": 1, "beta": 0})


def test_long_gradients_are_shortened_together():
    model = network()
    made = optimizer(optimizer="sgd", momentum=0, weight_decay=0, clip_norm=0.5)
    made.build(model.trainable_variables)
    before = [np.array(variable) for variable in model.trainable_variables]
    made.apply([keras.ops.ones_like(variable) * 3 for variable in model.trainable_variables])
    moved = np.concatenate(
        [(np.array(variable) - old).ravel() for variable, old in zip(model.trainable_variables, before, strict=True)]
    )
    assert np.linalg.norm(moved) == pytest.approx(0.1 * 0.5, rel=1e-4)


def test_accumulated_gradients_move_the_weights_once_by_their_mean():
    weight = keras.Variable([0.0], name="kernel")
    made = optimizer(optimizer="sgd", momentum=0, weight_decay=0, accumulate=3)
    made.build([weight])
    seen = []
    for gradient in (1.0, 2.0, 6.0):
        made.apply([keras.ops.convert_to_tensor([gradient])])
        seen.append(float(weight[0]))
    assert seen == pytest.approx([0, 0, -0.1 * 3])
    assert steps_taken(made) == 3
