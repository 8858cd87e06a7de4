"""The objective of the operating threshold."""

from typing import Literal

from pydantic import Field, model_validator

from models.settings.base import Settings

_TARGETS = ("target_precision", "target_far")


class CalibrationSettings(Settings):
    """The objective on the validation pairs that the threshold serves; a target is met with the highest recall."""

    objective: Literal["best_accuracy", "best_f1", "target_precision", "target_far"] = Field(
        "best_accuracy", description="what the threshold is best at, or the target that it meets"
    )
    value: float | None = Field(None, gt=0, lt=1, description="the least precision, or the highest false accept rate")
    prior: float | None = Field(
        None, gt=0, lt=1, description="share of genuine pairs where it serves (target_precision); none: validation's"
    )

    @model_validator(mode="after")
    def _what_the_objective_reads(self) -> "CalibrationSettings":
        if self.objective in _TARGETS and self.value is None:
            example = 0.95 if self.objective == "target_precision" else 0.01
            raise ValueError(f"objective: {self.objective} needs value, e.g. value: {example}")
        if self.objective not in _TARGETS and self.value is not None:
            raise ValueError(f"value is for objective: {' or '.join(_TARGETS)}; {self.objective} takes none")
        if self.objective != "target_precision" and self.prior is not None:
            raise ValueError(f"prior is for objective: target_precision; {self.objective} takes none")
        return self

    def __str__(self) -> str:
        value = "" if self.value is None else f" {self.value:g}"
        return f"{self.objective}{value}" + ("" if self.prior is None else f" at prior {self.prior:g}")
