"""The curves, drawn by plotly: each as a fragment of HTML that needs the script once on the page."""

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from scipy.stats import norm

from components.pair_scores.table import ScoredPairs
from components.run_report.embedding_map import EmbeddingMap
from components.run_report.training import Curve

Names = tuple[str, str]  # of the model, and of the one that it is compared with
MODELS = ("new model", "served model")

_MOST_POINTS = 2000  # of a curve: more than a screen has pixels
_GENUINE, _IMPOSTOR, _BASELINE = "#2a78c8", "#d9822b", "#8a8a86"


def roc(scores: ScoredPairs, names: Names = MODELS) -> str:
    """True accepts over false accepts (logarithmic), with the operating point; the baseline's beside it."""
    figure = _figure("share of impostors accepted (FAR)", "share of genuine pairs accepted (TAR)")
    for name, score, colour in _models(scores, names):
        far, tar = _rates(scores.same, score)
        figure.add_scatter(x=far, y=tar, name=name, mode="lines", line_color=colour)
    wrongly, rightly = _at(scores)
    figure.add_scatter(
        x=[wrongly],
        y=[rightly],
        name="operating point",
        mode="markers",
        marker={"size": 11, "color": "#c2185b", "symbol": "x"},
    )
    figure.update_xaxes(
        type="log", dtick=1, tickformat="~%", range=[np.log10(max(0.5 / max((~scores.same).sum(), 1), 1e-6)), 0]
    )
    figure.update_yaxes(range=[0, 1.01])
    return _html(figure)


def det(scores: ScoredPairs, names: Names = MODELS) -> str:
    """Missed genuine pairs over accepted impostors on normal deviates: straight where scores are normal."""
    figure = _figure("impostors accepted", "genuine pairs missed")
    for name, score, colour in _models(scores, names):
        far, tar = _rates(scores.same, score)
        kept = (far > 0) & (far < 1) & (tar > 0) & (tar < 1)
        figure.add_scatter(x=norm.ppf(far[kept]), y=norm.ppf(1 - tar[kept]), name=name, mode="lines", line_color=colour)
    ticks = np.array([0.0001, 0.001, 0.01, 0.05, 0.2, 0.5, 0.8])
    for axis in (figure.update_xaxes, figure.update_yaxes):
        axis(tickvals=norm.ppf(ticks), ticktext=[f"{100 * tick:g}%" for tick in ticks])
    return _html(figure)


def histogram(scores: ScoredPairs) -> str:
    """Scores of genuine and of impostor pairs."""
    figure = _figure("score", "share of its pairs")
    for name, chosen, colour in (("genuine", scores.same, _GENUINE), ("impostor", ~scores.same, _IMPOSTOR)):
        counts, edges = np.histogram(scores.score[chosen], 50, (0, 1))
        figure.add_bar(x=edges[:-1] + 0.01, y=counts / max(chosen.sum(), 1), name=name, marker_color=colour, width=0.02)
    figure.update_layout(barmode="overlay")
    figure.update_traces(opacity=0.65)
    figure.add_vline(x=0.5, line_dash="dash", line_color="#c2185b")
    return _html(figure)


def over_threshold(scores: ScoredPairs) -> str:
    """Precision and recall of the verdict at any other threshold on the score."""
    thresholds = np.linspace(0, 1, 201)
    genuine, impostor = (np.sort(scores.score[chosen]) for chosen in (scores.same, ~scores.same))
    accepted = len(genuine) - np.searchsorted(genuine, thresholds, side="right")
    wrongly = len(impostor) - np.searchsorted(impostor, thresholds, side="right")
    figure = _figure("called the same above this score", "share")
    with np.errstate(invalid="ignore"):
        precision = accepted / (accepted + wrongly)
    for name, values, colour in (
        ("precision", precision, _GENUINE),
        ("recall", accepted / max(len(genuine), 1), _IMPOSTOR),
        ("impostors accepted", wrongly / max(len(impostor), 1), _BASELINE),
    ):
        figure.add_scatter(x=thresholds, y=values, name=name, mode="lines", line_color=colour)
    figure.add_vline(x=0.5, line_dash="dash", line_color="#c2185b")
    figure.update_yaxes(range=[0, 1.01])
    return _html(figure)


def calibration(scores: ScoredPairs, bins: int = 10) -> str:
    """How often pairs of a score are genuine, beside the score: on the diagonal where it is a probability."""
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.digitize(scores.score, edges) - 1, 0, bins - 1)
    held = [np.flatnonzero(place == one) for one in range(bins)]
    shown = [rows for rows in held if len(rows)]
    figure = _figure("score", "share that is genuine")
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line={"dash": "dot", "color": _BASELINE}, name="a probability")
    figure.add_scatter(
        x=[float(scores.score[rows].mean()) for rows in shown],
        y=[float(scores.same[rows].mean()) for rows in shown],
        text=[f"{len(rows):,} pairs" for rows in shown],
        mode="lines+markers",
        name="these pairs",
        line_color=_GENUINE,
    )
    return _html(figure)


def trainings(curves: dict[str, Curve], others: dict[str, Curve], names: Names) -> str:
    """A validation measure of two trainings, an epoch each: the first that both have of AUC, EER and accuracy."""
    measure = next((name for name in ("auc", "eer", "accuracy") if name in curves and name in others), None)
    if measure is None:
        return ""
    figure = _figure("epoch", f"validation {measure}")
    for name, curve, colour in ((names[0], curves, _GENUINE), (names[1], others, _BASELINE)):
        epochs, values = zip(*curve[measure], strict=True)
        figure.add_scatter(x=epochs, y=values, name=name, mode="lines+markers", line_color=colour)
    return _html(figure)


def training(curves: dict[str, Curve]) -> str:
    """The loss and the validation measures, an epoch each."""
    figure = _figure("epoch", "validation measures")
    colours = {"loss": "#c2185b", "auc": _GENUINE, "accuracy": "#3d9970", "eer": _IMPOSTOR}
    for name, curve in curves.items():
        epochs, values = zip(*curve, strict=True)
        axis = "y2" if name == "loss" else "y"
        figure.add_scatter(x=epochs, y=values, name=name, mode="lines+markers", line_color=colours[name], yaxis=axis)
    right = {"title": "loss", "overlaying": "y", "side": "right", "showgrid": False}
    figure.update_layout(yaxis2=right, margin_r=56)
    return _html(figure)


def embedding_map(found: EmbeddingMap) -> str:
    """The plane, a colour an identity; ``customdata`` is the place of the thumbnail in the sprite."""
    figure = _figure("", "")
    numbers = np.unique(found.identities, return_inverse=True)[1]
    figure.add_scatter(
        x=found.places[:, 0],
        y=found.places[:, 1],
        mode="markers",
        marker={"color": numbers * 0.618034 % 1, "colorscale": "HSV", "size": 7},
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
    """Seconds of each component, with the peak of memory as text."""
    names = list(seconds)[::-1]
    figure = _figure("seconds", "")
    told = [f"{memory[name]:,.0f} MB" if name in memory else "" for name in names]
    figure.add_bar(
        x=[seconds[name] for name in names], y=names, text=told, orientation="h", marker_color=_GENUINE, name="seconds"
    )
    figure.update_layout(height=120 + 24 * len(names), showlegend=False)
    return _html(figure)


def _models(scores: ScoredPairs, names: Names) -> list[tuple[str, NDArray[np.float64], str]]:
    found = [(names[0], scores.score, _GENUINE)]
    if scores.baseline_score is not None:
        found.append((names[1], scores.baseline_score, _BASELINE))
    return found


def _rates(same: NDArray[np.bool_], score: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(FAR, TAR) at every score at which either changes, thinned out to what a screen shows."""
    order = np.argsort(-score, kind="stable")
    last = np.append(np.diff(score[order]) != 0, True)
    tar = np.cumsum(same[order])[last] / max(same.sum(), 1)
    far = np.cumsum(~same[order])[last] / max((~same).sum(), 1)
    kept = np.unique(np.linspace(0, len(far) - 1, min(_MOST_POINTS, len(far))).astype(int))
    return far[kept], tar[kept]


def _at(scores: ScoredPairs) -> tuple[float, float]:
    called = scores.score > 0.5
    return float(called[~scores.same].mean()), float(called[scores.same].mean())


def _figure(across: str, up: str) -> go.Figure:
    figure = go.Figure()
    figure.update_layout(
        height=360,
        margin={"l": 56, "r": 12, "t": 12, "b": 48},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        legend={"orientation": "h", "y": 1.12},
        font={"family": "system-ui, sans-serif", "color": "#777770"},
    )
    figure.update_xaxes(title=across, gridcolor="rgba(128,128,128,.25)", zeroline=False)
    figure.update_yaxes(title=up, gridcolor="rgba(128,128,128,.25)", zeroline=False)
    return figure


def _html(figure: go.Figure, name: str | None = None) -> str:
    text: str = figure.to_html(
        div_id=name, full_html=False, include_plotlyjs=False, config={"displayModeBar": False, "responsive": True}
    )
    return text
