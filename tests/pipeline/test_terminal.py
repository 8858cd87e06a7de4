import io

from rich.console import Console

from components.run_outcome.summary import RunSummary
from models.export.manifest import CalibrationReport
from pipeline.terminal import show_summary


def shown(tmp_path, **fields) -> str:
    text = io.StringIO()
    summary = RunSummary(run_id="r", status="refused", exit_code=3, seed=0, config_digest="", **fields)
    show_summary(Console(file=text, width=200), summary, tmp_path / "runs" / "r", tmp_path)
    return text.getvalue()


def test_the_threshold_is_printed_with_its_aim_and_what_it_reached(tmp_path):
    reached = {"accuracy": 0.9, "precision": 0.95, "recall": 0.85, "f1": 0.897, "far": 0.04, "precision_at_prior": 0.5}
    report = CalibrationReport(objective="target_precision", value=0.5, prior=0.01, validation=reached)
    assert (
        "threshold 0.4000 for target_precision 0.5 at prior 0.01; on validation: "
        "accuracy 0.9000, precision 0.9500, precision_at_prior 0.5000, recall 0.8500, far 0.0400\n"
    ) in shown(tmp_path, threshold=0.4, calibration=report)


def test_a_run_without_a_model_tells_no_threshold(tmp_path):
    assert "threshold" not in shown(tmp_path)


def test_tuned_values_are_printed_where_there_are_some(tmp_path):
    tuned = {"margin": 1.164078, "learning_rate": 0.00042761, "embedding": 128}
    assert "tuned: margin 1.164, learning_rate 0.0004276, embedding 128\n" in shown(tmp_path, tuned=tuned)
    assert "tuned: " not in shown(tmp_path)
