"""Which distance and which loss, and the options of each."""

from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from models.settings.base import Settings

# What each loss reads, and what it is where nothing is given. Distances are those of unit embeddings.
_CONTRASTIVE = {"margin": 1.1, "positive_margin": 0.3}
_OPTIONS: dict[str, dict[str, float]] = {
    "contrastive": _CONTRASTIVE,
    "binary_cross_entropy": {},
    "triplet": {"margin": 0.2},  # Schroff et al. 2015
    "multi_similarity": {"alpha": 2.0, "beta": 50.0, "base": 0.5, "epsilon": 0.1},  # Wang et al. 2019
    "supervised_contrastive": {"temperature": 0.1},  # Khosla et al. 2020
}
_COSINE = {"margin": 0.6, "positive_margin": 0.05}  # half the squares of the Euclidean ones
_ONLY_IN_BATCHES = ("triplet", "multi_similarity", "supervised_contrastive")
_OF_COSINES = ("multi_similarity", "supervised_contrastive")


class LossSettings(Settings):
    """What is measured between two images, and what pulls and pushes it."""

    distance: Literal["euclidean", "cosine", "manhattan", "weighted_manhattan"] = "euclidean"
    name: Literal["contrastive", "binary_cross_entropy", "triplet", "multi_similarity", "supervised_contrastive"] = (
        "contrastive"
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
        if form == "pairs" and name in _ONLY_IN_BATCHES:
            raise ValueError(f"{name} compares all images of a batch: form must be batch")
        return form

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_the_loss(cls, given: Any) -> Any:
        """Options that the loss reads are filled in, so that the dump says what was in force."""
        if not isinstance(given, dict):
            return given
        options = _options(str(given.get("name", "contrastive")), given.get("form", "batch"), given.get("distance"))
        missing = {key: value for key, value in options.items() if given.get(key) is None}
        return {**given, **missing}

    @model_validator(mode="after")
    def _options_that_are_read(self) -> "LossSettings":
        read = _options(self.name, self.form, self.distance)
        for key in sorted({key for options in _OPTIONS.values() for key in options} - read.keys()):
            if getattr(self, key) is not None:
                takes = f"it takes {', '.join(read)}" if read else "it takes none"
                raise ValueError(f"{key} is not an option of {self.name} (form: {self.form}); {takes}")
        return self

    @model_validator(mode="after")
    def _margins_in_order(self) -> "LossSettings":
        if self.positive_margin is not None and self.margin is not None and self.positive_margin >= self.margin:
            raise ValueError(f"positive_margin {self.positive_margin} must be below margin {self.margin}")
        return self

    @model_validator(mode="after")
    def _distance_that_the_loss_orders(self) -> "LossSettings":
        if self.name in _OF_COSINES and self.distance not in ("euclidean", "cosine"):
            raise ValueError(f"{self.name} works on cosines: distance must be euclidean or cosine, not {self.distance}")
        return self

    @property
    def of_cosines(self) -> bool:
        """Whether the loss sees directions alone, so that lengths would be left to chance."""
        return self.name in _OF_COSINES

    def options(self) -> dict[str, Any]:
        """What the loss reads, as it is in force."""
        return {key: getattr(self, key) for key in _options(self.name, self.form, self.distance)}


def _options(name: str, form: str, distance: str | None) -> dict[str, float]:
    options = _OPTIONS.get(name, {})
    if options is not _CONTRASTIVE:
        return options
    margins = _COSINE if distance == "cosine" else _CONTRASTIVE
    return margins if form == "batch" else {"margin": margins["margin"]}
