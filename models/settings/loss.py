"""Which distance and which loss, and the options of each."""

from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from models.settings.base import Settings
from models.settings.encoder import EncoderSettings
from models.settings.margins import default_margins, furthest

# What each loss reads beside its margins, and what it is where nothing is given.
_OPTIONS: dict[str, dict[str, float]] = {
    "multi_similarity": {"alpha": 2.0, "beta": 50.0, "base": 0.5, "epsilon": 0.1},  # Wang et al. 2019
    "supervised_contrastive": {"temperature": 0.1},  # Khosla et al. 2020
}
OPTIONS = ("margin", "positive_margin", "alpha", "beta", "base", "epsilon", "temperature")  # of any loss
ONLY_IN_BATCHES = ("triplet", "multi_similarity", "supervised_contrastive")
OF_COSINES = ("multi_similarity", "supervised_contrastive")
ORDERED_BY_COSINES = ("euclidean", "cosine")  # the distances that order pairs of unit embeddings as cosines do


class LossSettings(Settings):
    """What is measured between two images, and what pulls and pushes it."""

    distance: Literal["euclidean", "cosine", "manhattan", "weighted_manhattan"] = Field(
        "euclidean", description="between two embeddings; weighted_manhattan learns a weight for each dimension"
    )
    name: Literal["contrastive", "binary_cross_entropy", "triplet", "multi_similarity", "supervised_contrastive"] = (
        Field("contrastive", description="what a step pays for genuine pairs apart and impostors together")
    )
    form: Literal["batch", "pairs"] = Field("batch", description="all pairs of a batch, or the generated pairs")
    margin: float | None = Field(
        None, gt=0, description="impostors are pushed beyond this distance (triplet: beyond the genuine pair by this)"
    )
    positive_margin: float | None = Field(
        None, ge=0, description="genuine pairs closer than this cost nothing (contrastive, batch form)"
    )
    alpha: float | None = Field(None, gt=0, description="weight of genuine pairs (multi_similarity)")
    beta: float | None = Field(None, gt=0, description="weight of impostors (multi_similarity)")
    base: float | None = Field(None, gt=-1, lt=1, description="the cosine that parts them (multi_similarity)")
    epsilon: float | None = Field(None, ge=0, description="pairs easier than the hardest by this are left out")
    temperature: float | None = Field(None, gt=0, description="of supervised_contrastive")

    @field_validator("form")
    @classmethod
    def _form_that_the_loss_has(cls, form: str, info: ValidationInfo) -> str:
        name = info.data.get("name")
        if form == "pairs" and name in ONLY_IN_BATCHES:
            raise ValueError(f"{name} compares all images of a batch: form must be batch")
        return form

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_the_loss(cls, given: Any) -> Any:
        """Options that the loss reads are filled in, so that the dump says what was in force."""
        if not isinstance(given, dict):
            return given
        options = _OPTIONS.get(str(given.get("name", "contrastive")), {})
        return {**given, **{key: value for key, value in options.items() if given.get(key) is None}}

    @model_validator(mode="after")
    def _options_that_are_read(self) -> "LossSettings":
        read = read_by(self.name, self.form)
        for key in sorted(set(OPTIONS) - set(read)):
            if getattr(self, key) is not None:
                takes = f"it takes {', '.join(read)}" if read else "it takes none"
                raise ValueError(f"{key} is not an option of {self.name} (form: {self.form}); {takes}")
        return self

    @model_validator(mode="after")
    def _margins_in_order(self) -> "LossSettings":
        if self.margin is not None and self.positive_margin is not None and self.positive_margin >= self.margin:
            raise ValueError(f"positive_margin {self.positive_margin} must be below margin {self.margin}")
        return self

    @model_validator(mode="after")
    def _distance_that_the_loss_orders(self) -> "LossSettings":
        if self.name in OF_COSINES and self.distance not in ORDERED_BY_COSINES:
            raise ValueError(f"{self.name} works on cosines: distance must be euclidean or cosine, not {self.distance}")
        return self

    @property
    def of_cosines(self) -> bool:
        """Whether the loss sees directions alone, so that lengths would be left to chance."""
        return self.name in OF_COSINES

    def fitted_to(self, encoder: EncoderSettings) -> "LossSettings":
        """The same with margins where none are given: those that suit the embeddings of ``encoder``.

        Raises:
          ValueError: a margin that no distance reaches, or two in the wrong order.
        """
        defaults = default_margins(self.name, self.form, self.distance, encoder)
        margins = {key: value for key, value in defaults.items() if getattr(self, key) is None}
        fitted = self.model_copy(update=margins)
        most = furthest(self.distance, encoder)
        if fitted.margin is not None and fitted.margin >= most:
            free = "" if self.distance == "cosine" else ", or set encoder.unit_norm: false"
            raise ValueError(
                f"loss.margin {fitted.margin:g} is never reached: the {self.distance} distance of these embeddings is "
                f"{most:.3g} at most; {defaults['margin']:g} is usual{free}"
            )
        if fitted.margin is not None and (fitted.positive_margin or 0) >= fitted.margin:
            raise ValueError(f"loss.positive_margin {fitted.positive_margin} must be below margin {fitted.margin}")
        return fitted

    def options(self) -> dict[str, Any]:
        """What the loss reads; margins that are neither given nor fitted are those for the default encoder."""
        margins = default_margins(self.name, self.form, self.distance, EncoderSettings())
        own = {key: getattr(self, key) for key in read_by(self.name, self.form)}
        return {key: margins.get(key) if value is None else value for key, value in own.items()}


def read_by(name: str, form: str) -> tuple[str, ...]:
    """The options that a loss reads."""
    return (*default_margins(name, form, "euclidean", EncoderSettings()), *_OPTIONS.get(name, {}))
