import math

from components.run_report.summary import Metric, RunSummary, read_summaries
from pipeline import runs


def test_a_measure_without_a_meaning_is_left_out(monkeypatch, tmp_path):
    """The recall of a slice of impostors: written as null it could not be read back."""
    slices = {"": {"accuracy": 0.9, "auc": math.nan}, "kind: impostor_random": {"accuracy": 0.8, "recall": math.nan}}
    monkeypatch.setattr(runs, "_by_slice", lambda uri, model: slices if model == "candidate" else {})

    class Record(runs.RunRecord):
        def __init__(self):
            pass

        def _artifact(self, node, key):
            return type("Evaluation", (), {"uri": ""})

    metrics, baseline, found = Record().metrics()
    assert metrics == {"accuracy": Metric(value=0.9)}
    assert baseline == {}
    assert found == {"kind: impostor_random": {"accuracy": 0.8}}
    (tmp_path / "runs" / "r").mkdir(parents=True)
    RunSummary(run_id="r", status="pushed", exit_code=0, slices=found, seed=0, config_digest="").write(
        tmp_path / "runs" / "r"
    )
    assert read_summaries(tmp_path)[0].slices == found
