"""Tests the exported model in a fresh process and writes whether it may serve."""

import tempfile
from pathlib import Path
from typing import Any

from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import path_utils

from components.artifact_types import Artifacts
from components.gates.serving_validator.answers import refusal
from components.gates.serving_validator.canary_pairs import choose, read_canaries
from components.gates.serving_validator.canary_requests import Answers, CanaryRequests, Refused
from components.gates.serving_validator.process import Killed, KilledEarly, run_smoke_test
from components.gates.serving_validator.settings import ServingValidatorSettings
from components.pair_scores.table import read_scores
from components.run_outcome.artifacts import write_blessing, write_verdict
from components.run_outcome.verdict import GateResult
from models.data import features
from models.export.manifest import ModelManifest

GATE = "serving"


class Executor(base_executor.BaseExecutor):
    """A model that must not serve is refused by the outputs; only a broken environment raises."""

    in_another_process = True  # the local runner need not wait for it

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Reads ``model``, ``examples`` and ``scores``; writes ``blessing`` and ``verdict``.

        Raises:
          ValueError: the table is not of these pairs.
          OSError: the fresh process could not even start.
        """
        model, examples, scores = (
            artifact_utils.get_single_instance(input_dict[key]) for key in ("model", "examples", "scores")
        )
        settings = ServingValidatorSettings.model_validate_json(exec_properties["settings"])
        chosen = choose(read_scores(scores.uri), settings.canaries)
        canaries = read_canaries(artifact_utils.get_split_uri([examples], features.TEST), chosen)
        model_dir = Path(path_utils.serving_model_path(model.uri))
        try:
            answers = _answers(model_dir, canaries.requests, settings.timeout)
            manifest = ModelManifest.read(model_dir)  # the smoke test has read it
            reason = refusal(answers, canaries.pair_ids, canaries.score, manifest, settings.tolerance)
        except Refused as refused:
            reason = str(refused)
        passed = f"loaded in a fresh process; {len(canaries)} test pairs score as they did, by every signature"
        blessing, verdict = (artifact_utils.get_single_instance(output_dict[key]) for key in ("blessing", "verdict"))
        # The marker files are those of TFX's InfraValidator.
        write_blessing(blessing, not reason, "INFRA_BLESSED", "INFRA_NOT_BLESSED")
        write_verdict(verdict, [GateResult(name=GATE, passed=not reason, reason=reason or passed)])


def _answers(model_dir: Path, requests: CanaryRequests, timeout: float) -> Answers:
    """Of a second process where the first one was killed: memory may have run out for the need of another program."""
    try:
        return _answers_once(model_dir, requests, timeout)
    except (Killed, KilledEarly):
        return _answers_once(model_dir, requests, timeout)


def _answers_once(model_dir: Path, requests: CanaryRequests, timeout: float) -> Answers:
    with tempfile.TemporaryDirectory(prefix="serving-validator-") as folder:
        return run_smoke_test(model_dir, requests, Path(folder), timeout)
