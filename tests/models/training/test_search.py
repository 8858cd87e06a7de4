import json
import logging
import math
from contextlib import contextmanager

import keras
import pytest
import tensorflow as tf
from keras_tuner.errors import FatalError
from one_training import normalise, split

from models.errors import TrainingFailed, UserError
from models.settings import ModelSettings
from models.settings.tuner import Range, TunerSettings
from models.training import trainer
from models.training.tuner import Search

RECIPE = ModelSettings.model_validate(
    {
        "image": {"height": 8, "width": 8},
        "encoder": {"filters": [8], "embedding": 8, "dropout": 0},
        "training": {"epochs": 4, "steps_per_epoch": 3, "learning_rate": 0.02},
    }
)
RATES = {"margin": None, "embedding": None, "dropout": None, "augmentation": None}
RATE = Range(min=1e-4, max=1e-1, log=True)


def tuner(**given) -> TunerSettings:
    return TunerSettings(**{"trials": 6, "search": "random", **RATES, "learning_rate": RATE, **given})


class Trials:
    """Stands for trainings: an epoch each, the better the nearer the rate is to 0.003; notes what was asked for."""

    def __init__(self) -> None:
        self.rates, self.raised = [], {}

    @contextmanager
    def opened(self):
        yield self.fit

    def fit(self, settings, logs, callbacks):
        self.rates.append(settings.training.learning_rate)
        if error := self.raised.pop(len(self.rates), None):
            raise error
        for callback in callbacks:
            callback.set_model(keras.Sequential())
            callback.on_train_batch_end(0)
            callback.on_epoch_end(0, {"val_auc": 1 - abs(math.log10(settings.training.learning_rate / 0.003)) / 10})


def searched(folder, trials: Trials, given: TunerSettings) -> Search:
    search = Search(RECIPE, given, trials.opened, folder / "trials")
    search.search()
    return search


@pytest.mark.parametrize("kind", ["random", "bayesian"])
def test_as_many_trials_as_asked_for_the_recipes_own_first_and_the_best_is_found(tmp_path, kind, caplog):
    trials = Trials()
    with caplog.at_level(logging.INFO, "siamese.progress"):
        search = searched(tmp_path, trials, tuner(search=kind))

    assert len(trials.rates) == len(set(trials.rates)) == 6
    assert trials.rates[0] == 0.02
    assert all(1e-4 <= rate <= 1e-1 for rate in trials.rates)
    best = min(trials.rates, key=lambda rate: abs(math.log10(rate / 0.003)))
    (found,) = search.get_best_hyperparameters()
    assert found.get_config()["values"] == {"learning_rate": best}
    assert caplog.messages[0] == "trial 1/6  learning_rate 0.02"
    assert caplog.messages[-1].startswith(f"best of 6 trials: learning_rate {best:.4g} (")


def test_the_same_seed_proposes_the_same(tmp_path):
    one, two, other = Trials(), Trials(), Trials()
    searched(tmp_path / "1", one, tuner())
    searched(tmp_path / "2", two, tuner())
    Search(RECIPE.model_copy(update={"seed": 1}), tuner(), other.opened, tmp_path / "3" / "t").search()
    assert one.rates == two.rates
    assert one.rates[1:] != other.rates[1:]


def test_a_search_that_was_stopped_goes_on_with_the_trial_in_which_it_was(tmp_path):
    unbroken, stopped, again = Trials(), Trials(), Trials()
    searched(tmp_path / "unbroken", unbroken, tuner())
    stopped.raised[3] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        searched(tmp_path, stopped, tuner())
    search = searched(tmp_path, again, tuner())

    assert stopped.rates[:2] + again.rates == unbroken.rates
    assert len(search.best()) == 6


def test_no_trial_begins_once_the_time_is_up_and_the_one_that_runs_is_cut_short(tmp_path, caplog):
    trials = Trials()
    with caplog.at_level(logging.INFO, "siamese.progress"):
        search = searched(tmp_path, trials, tuner(minutes=1e-9))
    assert (len(trials.rates), len(search.best())) == (1, 1)
    assert "1e-09 minutes are up: no further trial" in caplog.messages
    searched(tmp_path, trials, tuner(minutes=1e-9))  # the time of all attempts counts
    assert len(trials.rates) == 1


def test_a_trial_that_fails_is_one_of_them_and_no_more(tmp_path):
    trials = Trials()
    trials.raised = {
        1: TrainingFailed("all embeddings are one", "train-collapsed"),
        3: tf.errors.ResourceExhaustedError(None, None, "oom"),
    }
    search = searched(tmp_path, trials, tuner())
    assert (len(trials.rates), len(search.best())) == (6, 4)


def test_where_all_fail_the_reason_is_reported_and_nothing_is_kept(tmp_path):
    trials = Trials()
    trials.raised = {number: TrainingFailed("all embeddings are one", "train-collapsed") for number in (1, 2, 3)}
    with pytest.raises(TrainingFailed, match="none of 3 trials was trained: all embeddings are one"):
        searched(tmp_path, trials, tuner(trials=3))
    assert not (tmp_path / "trials").exists()


def test_any_other_fault_ends_the_search(tmp_path):
    trials = Trials()
    trials.raised = {2: UserError("the disk is full", "train-disk-full")}
    with pytest.raises(FatalError, match="the disk is full") as raised:
        searched(tmp_path, trials, tuner())
    assert isinstance(raised.value.__cause__, UserError)
    assert len(trials.rates) == 2


def test_trials_are_trainings_of_the_given_length(tmp_path):
    train, val = split(0), split(1)

    @contextmanager
    def opened():
        yield lambda given, logs, more: trainer.fit(given, normalise, train, val, str(logs), more=more)

    given = tuner(trials=2, epochs=2, learning_rate=(1e-6, 0.02), search="random")
    search = Search(RECIPE, given, opened, tmp_path / "trials")
    search.search()

    best = search.best()[0]
    assert best.hyperparameters.values == {"learning_rate": 0.02}
    assert best.score > search.best()[1].score
    assert len(list((tmp_path / "trials").glob("trial_*/logs/events.*"))) == 2
    assert json.loads((tmp_path / "trials" / "tuner0.json").read_text())["seconds"] > 0
