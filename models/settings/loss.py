"""Which distance and which loss."""

from typing import Literal

from pydantic import Field, model_validator

from models.settings.base import Settings


class LossSettings(Settings):
    """How far apart is far enough."""

    distance: Literal["euclidean", "cosine", "manhattan"] = "euclidean"
    name: Literal["contrastive"] = "contrastive"
    form: Literal["batch", "pairs"] = Field("batch", description="all pairs of a batch, or the generated pairs")
    margin: float = Field(1.1, gt=0, description="impostors are pushed beyond this distance")
    positive_margin: float = Field(0.3, ge=0, description="genuine pairs closer than this cost nothing (batch form)")

    @model_validator(mode="after")
    def _margins_in_order(self) -> "LossSettings":
        if self.form == "batch" and self.positive_margin >= self.margin:
            raise ValueError(f"positive_margin {self.positive_margin} must be below margin {self.margin}")
        return self
