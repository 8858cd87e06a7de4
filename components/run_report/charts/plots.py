"""The charts, drawn by plotly: each an HTML fragment that needs the plotly script once on the page.

Lines and marks have a contrast of 3:1 or more on light and dark backgrounds (WCAG 2.2, 1.4.11), and differ in their
dashes, too. The page's style colours the text, since no single colour is readable on both.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from scipy.stats import norm

from components.pair_scores.table import ScoredPairs
from components.run_report.charts.curves import at_threshold, at_thresholds, rates, reliability, score_shares
from components.run_report.charts.training_logs import Curve, EmbeddingMap
from models.verification.arrays import Floats

Names = tuple[str, str]  # of the model and of the baseline
MODELS = ("new model", "served model")

Line = dict[str, Any]

_BINS = 50  # of a histogram
_BLUE, _ORANGE, _GREEN, _GREY, _MARK = "#2a78c8", "#c8731b", "#358a63", "#7e7e7a", "#e0306f"
_FIRST: Line = {"color": _BLUE}
_SECOND: Line = {"color": _ORANGE, "dash": "dash"}
_THIRD: Line = {"color": _GREY, "dash": "dot"}


def roc(scores: ScoredPairs, names: Names = MODELS) -> str:
    """TAR over FAR (logarithmic) with the operating points, of the model and the baseline."""
    figure = _figure("false accept rate (FAR)", "true accept rate (TAR)")
    for name, score, distance, line in _models(scores, names):
        far, tar = rates(scores.same, distance)
        figure.add_scatter(x=far, y=tar, name=name, mode="lines", line=line)
        operating_far, operating_tar = at_threshold(scores.same, score)
        figure.add_scatter(
            x=[operating_far],
            y=[operating_tar],
            name=f"{name}: operating point",
            mode="markers",
            marker={"size": 11, "color": line["color"], "symbol": "x"},
        )
    figure.update_xaxes(
        type="log", dtick=1, tickformat="~%", range=[np.log10(max(0.5 / max((~scores.same).sum(), 1), 1e-6)), 0]
    )
    figure.update_yaxes(range=[0, 1.01])
    return _html(figure)


def det(scores: ScoredPairs, names: Names = MODELS) -> str:
    """FRR over FAR on normal deviate scales: a straight line where scores are normally distributed."""
    figure = _figure("false accept rate (FAR)", "false reject rate (FRR)")
    for name, _, distance, line in _models(scores, names):
        far, tar = rates(scores.same, distance)
        kept = (far > 0) & (far < 1) & (tar > 0) & (tar < 1)
        figure.add_scatter(x=norm.ppf(far[kept]), y=norm.ppf(1 - tar[kept]), name=name, mode="lines", line=line)
    ticks = np.array([0.0001, 0.001, 0.01, 0.05, 0.2, 0.5, 0.8])
    for axis in (figure.update_xaxes, figure.update_yaxes):
        axis(tickvals=norm.ppf(ticks), ticktext=[f"{100 * tick:g}%" for tick in ticks])
    return _html(figure)


def histogram(scores: ScoredPairs) -> str:
    """Scores of genuine and of impostor pairs."""
    return _histogram(scores.same, [("", scores.score, 1.5)])


def histograms(scores: ScoredPairs, names: Names) -> str:
    """Scores of genuine and of impostor pairs, by the model (thick) and by the baseline (thin)."""
    both = (scores.score, scores.baseline_score)
    widths = zip(names, both, (2.5, 1.0), strict=True)
    return _histogram(scores.same, [(f"{name}: ", score, width) for name, score, width in widths if score is not None])


def over_threshold(scores: ScoredPairs) -> str:
    """Precision and recall over the threshold on the score."""
    thresholds = np.linspace(0, 1, 201)
    found = at_thresholds(scores.same, scores.score, thresholds)
    figure = _figure("threshold on the score", "share")
    for name, values, line in (
        ("precision", found.precision, _FIRST),
        ("recall", found.recall, _SECOND),
        ("false accept rate", found.far, _THIRD),
    ):
        figure.add_scatter(x=thresholds, y=values, name=name, mode="lines", line=line)
    figure.add_vline(x=0.5, line_dash="dash", line_color=_MARK)
    figure.update_yaxes(range=[0, 1.01])
    return _html(figure)


def calibration(scores: ScoredPairs) -> str:
    """The share of genuine pairs over the score: on the diagonal if the score is a probability."""
    bins = reliability(scores)
    figure = _figure("score", "share of genuine pairs")
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line=_THIRD, name="perfect calibration")
    figure.add_scatter(
        x=[one.score for one in bins],
        y=[one.genuine for one in bins],
        text=[f"{one.pairs:,} pairs" for one in bins],
        mode="lines+markers",
        name="test pairs",
        line=_FIRST,
    )
    return _html(figure)


def trainings(curves: Mapping[str, Curve], metric: str) -> str:
    """A validation metric of two trainings by epoch."""
    figure = _figure("epoch", f"validation {metric}")
    for (name, curve), line in zip(curves.items(), (_FIRST, _THIRD), strict=True):
        epochs, values = zip(*curve, strict=True)
        figure.add_scatter(x=epochs, y=values, name=name, mode="lines+markers", line=line)
    return _html(figure)


def training(curves: dict[str, Curve]) -> str:
    """The loss and the validation metrics by epoch."""
    figure = _figure("epoch", "validation metrics")
    lines = {
        "loss": {"color": _MARK, "dash": "dot"},
        "auc": _FIRST,
        "accuracy": {"color": _GREEN, "dash": "longdash"},
        "eer": _SECOND,
    }
    for name, curve in curves.items():
        epochs, values = zip(*curve, strict=True)
        axis = "y2" if name == "loss" else "y"
        figure.add_scatter(x=epochs, y=values, name=name, mode="lines+markers", line=lines[name], yaxis=axis)
    right = {"title": "loss", "overlaying": "y", "side": "right", "showgrid": False}
    figure.update_layout(yaxis2=right, margin_r=56)
    return _html(figure)


def embedding_map(found: EmbeddingMap) -> str:
    """The embeddings, a colour for each identity; ``customdata`` is the position of the thumbnail in the sprite."""
    figure = _figure("", "")
    numbers = np.unique(found.identities, return_inverse=True)[1]
    figure.add_scatter(
        x=found.points[:, 0],
        y=found.points[:, 1],
        mode="markers",
        marker={"color": numbers * 0.618034 % 1, "colorscale": "HSV", "size": 7, "line": {"width": 1, "color": _GREY}},
        text=[f"{who}<br>{name}" for who, name in zip(found.identities, found.names, strict=True)],
        customdata=list(range(len(found.names))),
        hovertemplate="%{text}<extra></extra>",
        name="validation images",
    )
    figure.update_layout(height=560, showlegend=False)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return _html(figure, "embedding-map")


def durations(seconds: dict[str, float], memory: dict[str, float]) -> str:
    """Seconds of each component, with its peak memory as text."""
    names = list(seconds)[::-1]
    figure = _figure("seconds", "")
    labels = [f"{memory[name]:,.0f} MB" if name in memory else "" for name in names]
    figure.add_bar(
        x=[seconds[name] for name in names],
        y=names,
        text=labels,
        textposition="outside",
        cliponaxis=False,
        orientation="h",
        marker_color=_BLUE,
        name="seconds",
    )
    figure.update_layout(height=120 + 24 * len(names), showlegend=False, margin_r=80)
    return _html(figure)


def _models(scores: ScoredPairs, names: Names) -> list[tuple[str, Floats, Floats, Line]]:
    """(name, scores, distances, line style)."""
    found = [(names[0], scores.score, scores.distance, _FIRST)]
    if scores.baseline_score is not None and scores.baseline_distance is not None:
        found.append((names[1], scores.baseline_score, scores.baseline_distance, _THIRD))
    return found


def _histogram(same: NDArray[np.bool_], models: Sequence[tuple[str, Floats, float]]) -> str:
    """Outlines, since overlapping translucent colours lack contrast; ``models``: (name, scores, line width)."""
    figure = _figure("score", "share of pairs")
    edges = np.linspace(0, 1, _BINS + 1)
    for name, score, width in models:
        genuine, impostor = score_shares(same, score, _BINS)
        for kind, share, line in (("genuine", genuine, _FIRST), ("impostor", impostor, _SECOND)):
            figure.add_scatter(
                x=edges,
                y=np.append(share, share[-1]),
                name=f"{name}{kind}",
                mode="lines",
                line={**line, "shape": "hv", "width": width},
                fill="tozeroy" if len(models) == 1 else None,
            )
    figure.add_vline(x=0.5, line_dash="dash", line_color=_MARK)
    return _html(figure)


def _figure(x: str, y: str) -> go.Figure:
    figure = go.Figure()
    figure.update_layout(
        height=360,
        margin={"l": 56, "r": 12, "t": 12, "b": 48},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        font={"family": "system-ui, sans-serif"},
    )
    figure.update_xaxes(title=x, gridcolor="rgba(128,128,128,.25)", zeroline=False)
    figure.update_yaxes(title=y, gridcolor="rgba(128,128,128,.25)", zeroline=False)
    return figure


def _html(figure: go.Figure, name: str | None = None) -> str:
    text: str = figure.to_html(
        div_id=name, full_html=False, include_plotlyjs=False, config={"displayModeBar": False, "responsive": True}
    )
    return text
