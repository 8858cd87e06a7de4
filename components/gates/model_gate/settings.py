"""Settings of metrics and gates."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from models.settings import Settings
from models.verification.metrics import FARS, GENUINE_PRIOR, higher_is_better, metric_names, needs_both_kinds

Share = Annotated[float, Field(ge=0, le=1)]


class MeasureSettings(Settings):
    """Metrics on the test split beside the usual."""

    fars: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = Field(
        FARS,
        min_length=1,
        description="false accept rates of tar_at_far_<far>; tar_at_far is that of the first",
    )
    genuine_prior: float = Field(
        GENUINE_PRIOR, gt=0, lt=1, description="share of genuine pairs in deployment: precision_at_prior"
    )

    @property
    def names(self) -> tuple[str, ...]:
        """Every metric's name in gates and ``summary.json``."""
        return metric_names(self.fars)


class SliceGate(Settings):
    """Thresholds within every slice of a kind, e.g. within each group."""

    by: Literal["kind", "group", "identity_size", "quality"] = Field(description="what the test pairs are sliced by")
    value: str | None = Field(None, description="one slice alone; default: each")
    floors: dict[str, Share] = Field({}, description="lowest value allowed, by metric")
    ceilings: dict[str, Share] = Field({}, description="highest value allowed, by metric")
    max_drop: dict[str, Share] = Field({}, description="allowed loss, by metric; refused if greater and significant")
    min_pairs: int = Field(50, ge=2, description="smaller slices are not evaluated")

    @model_validator(mode="after")
    def _of_one_kind(self) -> "SliceGate":
        metrics = [*self.floors, *self.ceilings, *self.max_drop] if self.by == "kind" else []
        if unmeant := [metric for metric in metrics if needs_both_kinds(metric)]:
            raise ValueError(f"by: kind takes thresholds on accuracy alone: {unmeant[0]} needs pairs of both kinds")
        return self


class GateSettings(Settings):
    """Thresholds on the test split that a model must reach to be pushed."""

    floors: dict[str, Share] = Field({"accuracy": 0.7}, description="lowest value allowed, by metric")
    ceilings: dict[str, Share] = Field({}, description="highest value allowed, by metric, e.g. {eer: 0.1}")
    max_drop: dict[str, Share] = Field(
        {"accuracy": 0.01}, description="allowed loss against the served model, by metric"
    )
    slices: tuple[SliceGate, ...] = Field(
        (SliceGate(by="kind", max_drop={"accuracy": 0.05}), SliceGate(by="group", max_drop={"accuracy": 0.05})),
        description="thresholds within slices",
    )
    min_pairs: int = Field(20, ge=2, description="with fewer test pairs nothing is blessed")
    confidence: float = Field(0.95, gt=0.5, lt=1, description="one-sided, of the bound on the change")
    resamples: int = Field(1000, ge=200, le=100_000, description="of the bootstrap")
    min_identities: int = Field(
        10, ge=2, description="with fewer (images, where split by image) the change is unresolved"
    )
    unresolved: Literal["point", "refuse"] = Field(
        "point", description="if the test cannot resolve max_drop: decide by the point difference, or refuse"
    )
    beats_pixels: bool = Field(True, description="refuse a model that is no better than comparing raw pixels")
    ignore_baseline: int | None = Field(
        None, ge=0, le=2**63 - 1, description="a served version that is not compared with, e.g. a damaged one"
    )
    max_latency: float | None = Field(
        None, gt=0, description="times the served model's, e.g. 1.5; default: not compared"
    )
    max_size: float | None = Field(None, gt=0, description="times the served model's bytes; default: not compared")

    @model_validator(mode="after")
    def _at_least_one_floor(self) -> "GateSettings":
        if not self.floors:
            raise ValueError("floors is empty; a gate needs at least one, e.g. {accuracy: 0.8}")
        return self

    def check_names(self, known: tuple[str, ...]) -> None:
        """Refuses unknown metrics, and thresholds on the wrong side.

        Raises:
          ValueError: names the key, and what is allowed.
        """
        sections = [("gates.", self), *((f"gates.slices[{n}].", one) for n, one in enumerate(self.slices))]
        for prefix, section in sections:
            for key in ("floors", "ceilings", "max_drop"):
                for metric in getattr(section, key):
                    if metric not in known:
                        raise ValueError(f"{prefix}{key}.{metric} is not a metric; allowed: {', '.join(known)}")
                    if key != "max_drop" and higher_is_better(metric) != (key == "floors"):
                        right = "floors" if higher_is_better(metric) else "ceilings"
                        raise ValueError(f"{prefix}{key}.{metric}: a threshold on {metric} belongs under {right}")
