"""One thing at a time goes wrong with whole answers."""

import re

import numpy as np
import pytest
from tiny_model import CALIBRATION

from components.gates.serving_validator.answers import refusal
from components.gates.serving_validator.canary_requests import AFTERWARDS, ALONE, ITSELF, JPEG, PYTHON, TOGETHER, key
from models.export.manifest import ModelManifest
from models.settings import ImageSettings

MANIFEST = ModelManifest(
    model_digest="",
    image=ImageSettings(),
    distance="euclidean",
    threshold=CALIBRATION.threshold,
    slope=CALIBRATION.slope,
    embedding=2,
    split={},
    config_digest="",
    versions={},
)
A = np.array([[0, 0], [1, 0], [0, 1]], np.float32)
B = np.array([[0.1, 0], [0.6, 0], [0, 0]], np.float32)
DISTANCE = np.array([0.1, 0.4 + 1e-7, 1.0])
SCORE = CALIBRATION.score(DISTANCE)
IDS = ["a|b", "c|d", "e|f"]
TOLERANCE = 1e-5


def decided(distance):
    score = CALIBRATION.score(distance).astype(np.float32)
    return {"score": score, "distance": distance.astype(np.float32)}


def whole():
    answers = {}
    for way in (TOGETHER, ALONE, PYTHON, AFTERWARDS):
        answers |= {key(way, "serving_default", name): value for name, value in decided(DISTANCE).items()}
        answers |= {key(way, f"embed_{side}", "embedding"): value.copy() for side, value in (("a", A), ("b", B))}
    for way, distance in ((TOGETHER, DISTANCE), (ALONE, DISTANCE), (PYTHON, DISTANCE), (AFTERWARDS, DISTANCE)):
        answers |= {key(way, "compare", name): value for name, value in decided(distance).items()}
    answers |= {key(ITSELF, "compare", name): value for name, value in decided(np.zeros(3)).items()}
    answers |= {key(JPEG, "compare", name): value for name, value in decided(DISTANCE + 0.1).items()}
    return answers | {
        name.replace("/score", "/same"): value > 0.5 for name, value in answers.items() if "compare/score" in name
    }


def reason(answers, score=SCORE, manifest=MANIFEST):
    return refusal(answers, IDS, score, manifest, TOLERANCE)


def test_whole_answers_are_well():
    assert reason(whole()) is None


def test_a_difference_within_the_tolerance_is_well():
    answers = whole()
    answers[key(ALONE, "compare", "score")] -= np.float32(0.5 * TOLERANCE)
    assert reason(answers) is None


def changed(name, change):
    answers = whole()
    answers[name] = change(answers[name])
    return answers


def at(row, value):
    def change(values):
        values = values.copy()
        values[row] = value
        return values

    return change


@pytest.mark.parametrize("way", [TOGETHER, ALONE, PYTHON, AFTERWARDS])
@pytest.mark.parametrize("signature", ["serving_default", "compare"])
def test_a_score_that_is_not_the_evaluated_one_names_its_pair(way, signature):
    name = key(way, signature, "score")
    complaint = reason(changed(name, at(1, whole()[name][1] + 0.01)))
    assert complaint.startswith(f"{signature} gives 0.51 to pair c|d, which scored 0.5")


CASES = [
    ("together/serving_default/score", lambda x: x[:2], r"score of serving_default .* has the shape \[2\], not \[3\]"),
    ("together/serving_default/score", lambda x: x[:, None], r"has the shape \[3, 1\], not \[3\]"),
    ("alone/embed_b/embedding", lambda x: x[:, :1], r"embedding of embed for one .* \[3, 1\], not \[3, 2\]"),
    ("together/compare/distance", lambda x: x.astype(np.float64), "distance of compare .* is float64, not float32"),
    ("together/compare/same", lambda x: x.astype(np.float32), "same of compare .* is float32, not bool"),
    (
        "python/compare/score",
        at(0, np.nan),
        "score of compare after tf.saved_model.load is not a finite number for 1 of 3",
    ),
    ("jpeg/compare/score", at(0, np.inf), "score of compare for JPEG images is not a finite number"),
    ("together/embed_a/embedding", at(2, np.nan), "embedding of embed .* is not a finite number for 1 of 3 pairs"),
    ("jpeg/compare/score", at(0, 1.5), "score of compare for JPEG images is 1.5, which is not between 0 and 1"),
    ("jpeg/compare/score", at(0, -0.25), "is -0.25, which is not between 0 and 1"),
    ("itself/compare/distance", at(0, -0.5), "is -0.5, which is no distance"),
    ("together/embed_a/embedding", lambda x: 2 * x, "the distance of two embeddings gives .* to pair"),
    (
        "python/embed_b/embedding",
        lambda x: x[::-1].copy(),
        "the distance of two embeddings .* after tf.saved_model.load",
    ),
    ("together/compare/same", np.logical_not, "compare calls a pair the same though"),
    ("jpeg/compare/same", np.logical_not, "compare calls a pair the same though .* for JPEG images"),
    (
        "together/serving_default/distance",
        lambda x: x[::-1].copy(),
        "serving_default gives a farther pair a higher score",
    ),
    ("alone/compare/distance", lambda x: 2 * x, "the scores of compare are not those of its distances .* one pair"),
    (
        "itself/compare/score",
        at(1, 0.7),
        "an image and itself score 0.7, less than two different images, which score 0.8",
    ),
]


@pytest.mark.parametrize(("name", "change", "expected"), CASES)
def test_what_is_wrong_is_said(name, change, expected):
    assert re.search(expected, reason(changed(name, change)))


def test_all_signatures_turned_round_alike_do_not_pass():
    answers = {name: 1 - value if name.endswith("score") else value for name, value in whole().items()}
    answers = {name: ~value if name.endswith("same") else value for name, value in answers.items()}
    assert "gives" in reason(answers)  # not what was evaluated
    assert reason(answers, score=1 - SCORE)  # and had it been: not what its embeddings say


def test_an_evaluated_score_that_is_no_number_does_not_pass():
    assert "which scored nan" in reason(whole(), score=np.array([SCORE[0], np.nan, SCORE[2]]))
