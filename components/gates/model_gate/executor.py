"""Reads the scored pairs; writes the blessing, the verdict and the intervals."""

import json
import statistics
import time
from collections.abc import Callable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import tensorflow as tf
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import path_utils

from components.artifact_types import INTERVALS_FILE, Artifacts, write_file
from components.baseline.report import BaselineReport
from components.gates.model_gate.baseline_gates import cost_gate, leakage_gate
from components.gates.model_gate.decisions import gate_decisions
from components.gates.model_gate.settings import GateSettings, MeasureSettings
from components.pair_scores.table import ScoredPairs, read_scores
from components.run_outcome.artifacts import write_blessing, write_verdict
from components.run_outcome.verdict import GateResult
from models.addresses import by_plain_name
from models.export.manifest import ModelManifest
from models.export.saved_model import blank_pair
from models.settings import ImageSettings

_ROUNDS, _WARM_UP = 60, 10  # of the measurement of latency


class Executor(base_executor.BaseExecutor):
    """``blessing`` has the custom property ``blessed`` (1 where every gate passed), and its marker file."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        gates = GateSettings.model_validate_json(exec_properties["gates"])
        measures = MeasureSettings.model_validate_json(exec_properties["measures_settings"])
        split = json.loads(exec_properties["split"])
        pairs = ScoredPairs.of(read_scores(artifact_utils.get_single_uri(input_dict["scores"])))
        found = [BaselineReport.read(artifact.uri) for artifact in input_dict.get("baseline", [])]
        absence = found[0].absence if found else "nothing serves yet to compare with"
        decided = gate_decisions(pairs, gates, measures, split["by"], exec_properties["seed"], absence)
        models = {
            name: Path(path_utils.serving_model_path(artifacts[0].uri))
            for name, artifacts in (("candidate", input_dict["model"]), ("baseline", input_dict.get("baseline_model")))
            if artifacts
        }
        verdicts = decided.gates + (_costs(gates, models) if "baseline" in models else [])
        if found and (leakage := leakage_gate(found[0].split, split, chain(*pairs.identities))):
            verdicts.append(leakage)

        blessed = write_verdict(artifact_utils.get_single_instance(output_dict["verdict"]), verdicts)
        write_blessing(artifact_utils.get_single_instance(output_dict["blessing"]), blessed, "BLESSED", "NOT_BLESSED")
        # Empty rather than absent if nothing could be computed: an artifact without a file is lost on Kubeflow.
        text = decided.intervals.model_dump_json(indent=2) if decided.intervals else "{}"
        write_file(artifact_utils.get_single_instance(output_dict["measures"]), INTERVALS_FILE, f"{text}\n")


def bytes_of(model_dir: Path) -> int:
    """Total size of a SavedModel."""
    return sum(path.stat().st_size for path in model_dir.rglob("*") if path.is_file())


def latencies(calls: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Median seconds of each call, measured in turns so that other load affects all alike."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(_WARM_UP + _ROUNDS):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            if turn >= _WARM_UP:
                taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def _costs(gates: GateSettings, models: dict[str, Path]) -> list[GateResult]:
    verdicts = []
    if gates.max_size is not None:
        megabytes = {name: bytes_of(path) / 1e6 for name, path in models.items()}
        verdicts.append(cost_gate("size", "MB", megabytes["candidate"], megabytes["baseline"], gates.max_size))
    if gates.max_latency is not None:
        image = ModelManifest.read(models["candidate"]).image  # the same request for both
        calls = {name: _one_comparison(path, image) for name, path in models.items()}
        taken = {name: seconds * 1000 for name, seconds in latencies(calls).items()}
        verdicts.append(cost_gate("latency", "ms", taken["candidate"], taken["baseline"], gates.max_latency))
    return verdicts


def _one_comparison(model_dir: Path, image: ImageSettings) -> Callable[[], object]:
    """Scores one pair through ``serving_default``, the signature that every served model has."""
    with by_plain_name(model_dir) as folder:
        model = tf.saved_model.load(folder)
    pair = tf.constant([blank_pair(image)])

    def compare() -> object:  # holds the model, whose variables go with it
        return model.signatures["serving_default"](pair)["score"].numpy()

    return compare
