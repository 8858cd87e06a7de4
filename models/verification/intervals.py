"""The measures with their intervals, as ModelGate leaves them: ``intervals.json``."""

from pydantic import BaseModel


class Interval(BaseModel):
    """A measure and where it may lie, with 95% confidence; null where it has no meaning."""

    value: float | None
    low: float | None
    high: float | None


class MeasuredIntervals(BaseModel):
    """``intervals.json``: by measure. ``gain`` is how much better the candidate is, positive for better."""

    pairs: int
    units: int
    drawn: str
    resamples: int
    candidate: dict[str, Interval]
    baseline: dict[str, Interval] = {}
    gain: dict[str, Interval] = {}
