"""What TFMA measured, read back."""

import math

from components.evaluator import results
from components.run_outcome.summary import Metric, RunSummary, read_summaries


def test_a_measure_without_a_meaning_is_left_out(monkeypatch, tmp_path):
    """The recall of a slice of impostors: written as null it could not be read back."""
    slices = {"": {"accuracy": 0.9, "auc": math.nan}, "kind: impostor_random": {"accuracy": 0.8, "recall": math.nan}}
    monkeypatch.setattr(results, "by_slice", lambda _, model: slices if model == "candidate" else {})

    metrics, baseline, found = results.measured("")
    assert metrics == {"accuracy": Metric(value=0.9)}
    assert baseline == {}
    assert found == {"kind: impostor_random": {"accuracy": 0.8}}
    run_dir = tmp_path / "runs" / "r"
    run_dir.mkdir(parents=True)
    RunSummary(run_id="r", status="pushed", exit_code=0, slices=found, seed=0, config_digest="").write(run_dir)
    assert read_summaries(tmp_path)[0].slices == found
