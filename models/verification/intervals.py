"""The metrics with their confidence intervals, ``intervals.json`` of ModelGate."""

from pydantic import BaseModel


class Interval(BaseModel):
    """A metric and its 95% confidence interval; null if it is undefined."""

    value: float | None
    low: float | None
    high: float | None


class MeasuredIntervals(BaseModel):
    """``intervals.json``, by metric. ``gain`` is positive if the candidate is better."""

    pairs: int
    units: int
    drawn: str
    resamples: int
    candidate: dict[str, Interval]
    baseline: dict[str, Interval] = {}
    gain: dict[str, Interval] = {}
