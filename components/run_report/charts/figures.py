"""The figures of a page: each a chart with a caption and a table of the same numbers."""

from collections.abc import Mapping
from typing import NamedTuple, TypeGuard

from markupsafe import Markup

from components.pair_scores.table import ScoredPairs
from components.run_report.charts import plots, tables
from components.run_report.charts.plots import MODELS, Names
from components.run_report.charts.tables import Table
from components.run_report.charts.training_logs import Curve

_ROC = "ROC curve: true accept rate over false accept rate"
_DET = "DET curve: false reject rate over false accept rate"


class Figure(NamedTuple):
    """A chart as HTML, its caption, and its numbers."""

    caption: str
    chart: Markup
    table: Table


def of_scores(scores: ScoredPairs | None) -> list[Figure]:
    """Of the test pairs of a run; empty if only one kind was scored."""
    if not _both_kinds(scores):
        return []
    return [
        *_of_models(scores, MODELS),
        _figure("Scores of genuine and impostor pairs", plots.histogram(scores), tables.scores_of(scores)),
        _figure(
            "Precision and recall over the threshold",
            plots.over_threshold(scores),
            tables.over_threshold(scores),
        ),
        _figure("Calibration: share of genuine pairs by score", plots.calibration(scores), tables.calibration(scores)),
    ]


def of_two_models(common: ScoredPairs | None, names: Names) -> list[Figure]:
    """Of the test pairs that two runs scored, the second run as the baseline."""
    if not _both_kinds(common):
        return []
    table = tables.scores_of(common, names)
    return [
        *_of_models(common, names),
        _figure("Scores of genuine and impostor pairs", plots.histograms(common, names), table),
    ]


def of_training(curves: Mapping[str, Curve]) -> Figure | None:
    """The loss and the validation metrics; None if there are no curves."""
    if not curves:
        return None
    return _figure("Loss and validation metrics by epoch", plots.training(dict(curves)), tables.epochs(curves))


def of_two_trainings(curves: Mapping[str, Curve], others: Mapping[str, Curve], names: Names) -> Figure | None:
    """A validation metric that both trainings have: the first of AUC, EER and accuracy; or None."""
    metric = next((name for name in ("auc", "eer", "accuracy") if name in curves and name in others), None)
    if metric is None:
        return None
    both = {names[0]: curves[metric], names[1]: others[metric]}
    title = metric if metric == "accuracy" else metric.upper()
    return _figure(f"Training: validation {title} by epoch", plots.trainings(both, title), tables.epochs(both))


def of_durations(seconds: Mapping[str, float], memory: Mapping[str, float]) -> Figure | None:
    """Seconds of each component; None if there are no times."""
    if not seconds:
        return None
    chart = plots.durations(dict(seconds), dict(memory))
    return _figure("Seconds and peak memory by component", chart, tables.durations(seconds, memory))


def _both_kinds(scores: ScoredPairs | None) -> TypeGuard[ScoredPairs]:
    return scores is not None and bool(scores.same.any()) and not scores.same.all()


def _of_models(scores: ScoredPairs, names: Names) -> list[Figure]:
    accepted = tables.at_false_accepts(scores, names)
    missed = tables.at_false_accepts(scores, names, missed=True)
    return [_figure(_ROC, plots.roc(scores, names), accepted), _figure(_DET, plots.det(scores, names), missed)]


def _figure(caption: str, chart: str, table: Table) -> Figure:
    return Figure(caption, Markup(chart), table)
