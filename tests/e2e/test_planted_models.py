"""Planted models in the real evaluating half of the pipeline: defective ones are never served, a better one is.

Every model enters in place of the Trainer's, with the same served model, and is evaluated on the same real pairs.
Each prints a row of the table in ``benchmarks/RESULTS.md``: ``python -m benchmarks planted_models`` shows them.
"""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import planted_signatures as signatures
import pytest
from planted import Network, Nursery, damaged, noisy, shuffled, with_last_layer, write_grouped_digits
from tfx.dsl.components.common.importer import Importer
from tfx.orchestration.pipeline import Pipeline
from tfx.types import standard_artifacts

import pipeline.graph
from components.serving_folder.push import push
from components.serving_folder.serving_folder import same_as_served, versions
from components.serving_folder.storage import FolderFiles, file_digests
from models.settings import ImageSettings
from models.verification.calibration import Calibration
from pipeline.config import Config, load_config
from pipeline.environment.run_environment import RunEnvironment
from pipeline.graph import gate_and_push, served_model
from pipeline.runners.local import runner
from pipeline.runners.local.run import run

pytestmark = pytest.mark.e2e

SETTINGS = (
    "data={layout: group/identity, split: {by: image, train: 0.5, val: 0.2, test: 0.3}}",
    "image={height: 8, width: 8}",
    "pairs.count.test=800",
    "encoder={filters: [16, 32], embedding: 32}",
    "training.batch={identities: 10, images: 12}",
    "gates={floors: {accuracy: 0.7}, max_drop: {accuracy: 0.03}}",
)
VARIABLES, WARM_UP = "variables/variables.data-00000-of-00001", "assets.extra/tf_serving_warmup_requests"
DAMAGED = "Format-Serving: the model is damaged, it cannot be loaded: "
MANIFEST = "assets.extra/siamese.json"


@dataclass(frozen=True)
class Case:
    """A planted model and the expected outcome of its run.

    Attributes:
      plant: makes the Model artifact.
      ends: "refused" (by ``gate``), "failed", "pushed", "already serving", or "as measured": by the gates' own numbers.
      fact: part of the gate's reason, or of the run's error.
      sets: of the configuration, for this case.
    """

    name: str
    plant: Callable[[Nursery], Path]
    ends: str
    gate: str = ""
    fact: str = ""
    sets: tuple[str, ...] = ()

    @property
    def like_another(self) -> bool:
        """Refused by the same gate for the same reason as a case that always runs."""
        return self.name in LIKE_ANOTHER


def reversed_score_and_distance(nursery: Nursery) -> Path:
    good = nursery.better.calibration
    reversed_ = Network(nursery.better.encoder, Calibration(2 - good.threshold, good.slope))
    return nursery.exported(reversed_, signatures.ReversedScoreAndDistance)


def with_weights(nursery: Nursery, weights: list) -> Path:
    """With the calibration of another model, since such a training would have failed."""
    return nursery.exported(Network(nursery.encoder(weights), nursery.better.calibration))


def everything_is_the_same(nursery: Nursery) -> Path:
    return nursery.exported(Network(nursery.better.encoder, Calibration(3.0, nursery.better.calibration.slope)))


def good_but(kind: type) -> Callable[[Nursery], Path]:
    return lambda n: n.exported(n.better, kind)


def broken(name: str, how: Callable[[bytes], bytes | None]) -> Callable[[Nursery], Path]:
    return lambda n: damaged(n.exported(n.better), name, how)


def halved(content: bytes) -> bytes:
    return content[: len(content) // 2]


def removed(_: bytes) -> None:
    return None


def a_hole(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes(400) + content[middle + 400 :]


CASES = [
    # Not a verifier.
    Case("untrained", lambda n: n.untrained, "refused", "pixels", "of the raw pixels' distance"),
    Case("score reversed", good_but(signatures.ReversedScore), "refused", "polarity", "score does not fall"),
    Case("score and distance reversed", reversed_score_and_distance, "refused", "polarity", "do not score higher"),
    Case(
        "trained on shuffled labels",
        lambda n: n.exported(n.trained(shuffled(n.train), shuffled(n.val), "pairs", epochs=2)),
        "refused",
        "pixels",
        "of the raw pixels' distance",
    ),
    Case(
        "all embeddings equal",
        lambda n: with_weights(n, with_last_layer(n.better.encoder.get_weights(), 0.0)),
        "refused",
        "collapse",
        "the encoder collapsed",
    ),
    Case(
        "embeddings equal but for rounding",
        lambda n: with_weights(n, with_last_layer(n.better.encoder.get_weights(), 1e-7)),
        "refused",
        "collapse",
        "the encoder collapsed",
    ),
    Case(
        "weights are NaN",
        lambda n: with_weights(n, [w * float("nan") for w in n.better.encoder.get_weights()]),
        "refused",
        "finite",
        "800 of 800 test pairs",
    ),
    Case("calls everything the same", everything_is_the_same, "refused", "floors", "accuracy 0.5000 is below"),
    Case("distance as score", good_but(signatures.DistanceAsScore), "refused", "finite", "outside 0 to 1"),
    Case("1 - distance as score", good_but(signatures.Similarity), "refused", "finite", "outside 0 to 1"),
    # Better, equal or worse than the served model.
    Case(
        "worse in one group",
        lambda n: n.exported(n.trained(n.with_identities_mixed("low", 0.6), epochs=12)),
        "refused",
        "slices by group",
        "low: accuracy",
    ),
    Case(
        "worse",
        lambda n: n.exported(n.of(noisy(n.served.encoder.get_weights(), 0.5))),
        "refused",
        "baseline accuracy",
        "a loss of 0.03 is allowed",
    ),
    Case("slightly worse", lambda n: n.exported(n.slightly_worse), "as measured"),
    Case("slightly better", lambda n: n.exported(n.trained(epochs=4)), "as measured"),
    Case("the same, exported again", lambda n: n.exported(n.served), "already serving"),
    Case("better", lambda n: n.exported(n.better), "pushed"),
    # Damaged on disk.
    Case("weights cut short", broken(VARIABLES, halved), "failed", fact=DAMAGED),
    Case("weights overwritten in part", broken(VARIABLES, a_hole), "failed", fact=DAMAGED),
    Case("weights missing", broken("variables/variables.index", removed), "failed", fact=DAMAGED),
    Case("graph cut short", broken("saved_model.pb", halved), "failed", fact=DAMAGED),
    Case("graph missing", broken("saved_model.pb", removed), "failed", fact=DAMAGED),
    Case("warm-up file cut short", broken(WARM_UP, lambda c: c[:-7]), "refused", "serving", "warm-up file"),
    Case("manifest missing", broken(MANIFEST, removed), "refused", "serving", "manifest"),
    # Serves something else than what was evaluated.
    Case("no embed", good_but(signatures.WithoutEmbed), "refused", "serving", "the signature embed is missing"),
    Case("compare unnormalised", good_but(signatures.WithoutNormalisation), "refused", "serving", "compare gives"),
    Case("NaN for black images", good_but(signatures.BlackIsNotANumber), "refused", "serving", "not a finite number"),
    Case("NaN for two pairs at once", good_but(signatures.OneAtATime), "refused", "finite", "not a finite number"),
    Case("NaN for a single pair", good_but(signatures.NeverAlone), "refused", "serving", "not a finite number"),
    # Serving cost.
    Case("better but slow", good_but(signatures.Slow), "refused", "latency", "3 allowed", ("gates.max_latency=3",)),
    Case("better but heavy", good_but(signatures.Heavy), "refused", "size", "1.5 allowed", ("gates.max_size=1.5",)),
]

# Half a minute each: only with --all-planted, as in the benchmark.
LIKE_ANOTHER = {
    *("score and distance reversed", "all embeddings equal", "1 - distance as score", "slightly better"),
    *("weights overwritten in part", "weights missing", "graph missing", "NaN for two pairs at once"),
    *("NaN for a single pair", "better but heavy"),
}


@dataclass(frozen=True)
class Ground:
    """The inputs that all candidates share."""

    data: Path
    pairs: Path
    nursery: Nursery
    serving: Path

    def evaluated(self, artifact: Path, output: Path, *sets: str) -> dict[str, Any]:
        """The summary of a run that evaluates the model."""

        def graph(config: Config, environment: RunEnvironment) -> Pipeline:
            splits = {"split_names": json.dumps(["train", "val", "test"])}
            pairs = Importer(str(self.pairs), standard_artifacts.Examples, properties=splits).with_id("pairs")
            model = Importer(str(artifact), standard_artifacts.Model).with_id("model")
            imported = pairs.outputs["result"], model.outputs["result"]
            return Pipeline(
                pipeline_name=config.name,
                pipeline_root=environment.artifacts,
                components=[
                    pairs,
                    model,
                    *gate_and_push(config, environment, served_model(config, environment), *imported),
                ],
                metadata_connection_config=environment.metadata,
                beam_pipeline_args=config.beam.pipeline_args,
            )

        with mock.patch.object(runner, "create_pipeline", graph):
            run(configured(self.data, *sets), output)
        return json.loads((output / "runs" / "latest" / "summary.json").read_text())


def configured(data: Path, *sets: str) -> Config:
    return load_config(overrides=[*SETTINGS, *sets], data=str(data))


@pytest.fixture(scope="module")
def ground(tmp_path_factory) -> Ground:
    """One run on real digits up to the Trainer, which makes the untrained model; and a model that serves."""
    base = tmp_path_factory.mktemp("planted")
    data = write_grouped_digits(base / "data")
    replaced = {name: mock.Mock(return_value=[]) for name in ("gate_and_push", "run_report")}
    with mock.patch.multiple(pipeline.graph, **replaced):
        run(configured(data, "training.epochs=0"), base / "images")
    made = ("PairGenerator/pairs", "Transform/transform_graph", "Trainer/model")
    pairs, transform, untrained = (next((base / "images" / "artifacts" / key).iterdir()) for key in made)
    (base / "models").mkdir()
    nursery = Nursery(configured(data), pairs, transform, untrained, base / "models")
    ground = Ground(data, pairs, nursery, base / "served" / "serving")
    first = ground.evaluated(nursery.exported(nursery.served), base / "served")
    print_row("the model that serves", first)
    assert first["status"] == "pushed", first
    return ground


def test_each_that_is_like_another_is_there():
    assert {case.name for case in CASES} >= LIKE_ANOTHER


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_planted_model(case, request, tmp_path):
    if case.like_another and not request.config.getoption("--all-planted"):
        pytest.skip("like another case; runs with --all-planted")
    ground = request.getfixturevalue("ground")
    artifact, output = case.plant(ground.nursery), tmp_path / "out"
    shutil.copytree(ground.serving, output / "serving")
    summary = ground.evaluated(artifact, output, *case.sets)
    print_row(case.name, summary)
    assert ending(summary) == case.ends or case.ends == "as measured"
    if ending(summary) == "pushed":
        assert_serves(artifact, output / "serving", before=ground.serving)
    else:
        assert contents(output / "serving") == contents(ground.serving)
    if ending(summary) == "refused":
        assert summary["exit_code"] == 3
    if case.ends == "refused":
        assert case.fact in refusals(summary)[case.gate]
    if case.ends == "failed":
        assert case.fact in summary["error"]
        assert "\n" not in summary["error"]
    if case.ends == "as measured":
        assert_follows_from_its_metrics(summary)


def test_a_better_model_than_one_of_another_input_size_is_pushed(ground, tmp_path):
    other = ground.nursery.exported_at(ImageSettings(height=12, width=12)) / "Format-Serving"
    artifact, output = ground.nursery.exported(ground.nursery.better), tmp_path / "out"
    for serving in (output / "serving", tmp_path / "serving"):
        push(other, serving)
    summary = ground.evaluated(artifact, output)
    print_row("better, than one of another input size", summary)
    assert ending(summary) == "pushed"
    assert summary["gains"]["accuracy"]["low"] > 0
    assert_serves(artifact, output / "serving", before=tmp_path / "serving")


def ending(summary: dict[str, Any]) -> str:
    return "already serving" if summary["already_serving"] else summary["status"]


def refusals(summary: dict[str, Any]) -> dict[str, str]:
    return {gate["name"]: gate["reason"] for gate in summary["gates"] if not gate["passed"]}


def contents(serving: Path) -> dict[int, dict[str, str]]:
    """The digests of all files of every version; the folder holds nothing else but the history."""
    complete = versions(serving)
    assert {path.name for path in serving.iterdir() if not path.name.startswith(".")} == set(map(str, complete))
    return {version: file_digests(FolderFiles(serving / str(version))) for version in complete}


def assert_serves(artifact: Path, serving: Path, before: Path) -> None:
    """The model serves as one additional version."""
    new = versions(serving)[-1]
    assert same_as_served(artifact / "Format-Serving", serving).identical
    assert len(versions(serving)) == len(versions(before)) + 1
    assert new > max(versions(before))


def assert_follows_from_its_metrics(summary: dict[str, Any]) -> None:
    """Only its accuracy, in all or of a kind of pair, can refuse it; the verdict follows from its metrics."""
    (gate,) = (gate for gate in summary["gates"] if gate["name"] == "baseline accuracy")
    gain = summary["gains"]["accuracy"]["value"]
    assert f"{gain:+.4f}" in gate["reason"]
    assert refusals(summary).keys() <= {"baseline accuracy", "slices by kind"}
    assert ("baseline accuracy" in refusals(summary)) == (not gate["passed"])
    assert ending(summary) == ("refused" if refusals(summary) else "pushed")
    worst = re.search(r"(?:at worst|may be) ([+-][\d.]+)", gate["reason"])
    assert gate["passed"] == (float(worst[1]) >= -0.03 if worst else gain >= -0.03)


def print_row(name: str, summary: dict[str, Any]) -> None:
    """Prints a row of the table."""
    accuracy = summary["metrics"].get("accuracy", {}).get("value")
    refused = refusals(summary)
    reason = "; ".join(refused.values()) or summary["error"] or ""
    shown = "" if accuracy is None else f"{accuracy:.4f}"
    print(f"| {name} | {shown} | {ending(summary)} | {', '.join(refused)} | {reason} |")
