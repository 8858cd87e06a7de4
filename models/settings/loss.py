"""Which distance and which loss, and the options of each."""

import math
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from models.settings.base import Settings
from models.settings.encoder import EncoderSettings
from models.settings.interfaces import Distance, Loss
from models.settings.registry import Registry, discovered, with_choices

DISTANCES: Registry[Distance] = discovered("models.network.distances", "DISTANCES")
LOSSES: Registry[Loss] = discovered("models.network.losses", "LOSSES")
ORDERED_AS_COSINES = tuple(name for name, distance in DISTANCES.items() if distance.orders_as_cosine)


@with_choices(distance=DISTANCES, name=LOSSES)
class LossSettings(Settings):
    """The distance between two embeddings, and the loss of genuine and impostor pairs."""

    distance: str = Field(
        "euclidean", description="between two embeddings; weighted_manhattan learns a weight for each dimension"
    )
    name: str = Field("contrastive", description="what a step pays for genuine pairs apart and impostors together")
    form: Literal["batch", "pairs"] = Field("batch", description="all pairs of a batch, or the generated pairs")

    @field_validator("form")
    @classmethod
    def _form_that_the_loss_has(cls, form: str, info: ValidationInfo) -> str:
        name = str(info.data.get("name"))
        if name in LOSSES and form not in LOSSES[name].forms():
            (other,) = LOSSES[name].forms()
            compares = "all images of a batch" if other == "batch" else "the generated pairs"
            raise ValueError(f"{name} compares {compares}: form must be {other}")
        return form

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_the_loss(cls, values: Any) -> Any:
        """Options that the loss reads are filled in, so that the dump holds the values in force."""
        if not isinstance(values, dict):
            return values
        options = LOSSES.defaults(str(values.get("name", "contrastive")))
        return {**values, **{key: value for key, value in options.items() if values.get(key) is None}}

    @model_validator(mode="after")
    def _options_that_are_read(self) -> "LossSettings":
        read = LOSSES[self.name].options_of(self.form)
        for key in sorted(set(LOSSES.options()) - set(read)):
            if getattr(self, key) is not None:
                takes = f"it takes {', '.join(read)}" if read else "it takes none"
                raise ValueError(f"{key} is not an option of {self.name} (form: {self.form}); {takes}")
        LOSSES.chosen(self.name, self)
        return self

    @model_validator(mode="after")
    def _distance_that_the_loss_orders(self) -> "LossSettings":
        if self.of_cosines and self.distance not in ORDERED_AS_COSINES:
            allowed = " or ".join(sorted(ORDERED_AS_COSINES, reverse=True))
            raise ValueError(f"{self.name} works on cosines: distance must be {allowed}, not {self.distance}")
        return self

    @property
    def chosen(self) -> Loss:
        """The loss with its options; margins that are neither set nor fitted are those for the default encoder."""
        return LOSSES.chosen(self.name, self.model_copy(update=self._missing_margins(EncoderSettings())))

    @property
    def of_cosines(self) -> bool:
        """Whether the loss depends on directions alone, so that lengths would be arbitrary."""
        return LOSSES[self.name].of_cosines

    def options(self) -> dict[str, Any]:
        """What the loss reads in this form."""
        chosen = self.chosen
        return {key: getattr(chosen, key) for key in chosen.options_of(self.form)}

    def fitted_to(self, encoder: EncoderSettings) -> "LossSettings":
        """The same with margins where none are set: those that suit the embeddings of ``encoder``.

        Raises:
          ValueError: a margin that no distance reaches, or two in the wrong order.
        """
        fitted = self.model_copy(update=self._missing_margins(encoder))
        try:
            margin = fitted.options().get("margin")
        except ValueError as error:
            raise ValueError(f"loss.{error}") from None
        distance = DISTANCES[self.distance]
        bounded = encoder.unit_norm or distance.ignores_length
        largest = distance.largest(encoder.embedding) if bounded else math.inf
        if margin is not None and margin >= largest:
            usual = self._default_margins(encoder).get("margin", largest / 2)
            free = "" if distance.ignores_length else ", or set encoder.unit_norm: false"
            raise ValueError(
                f"loss.margin {margin:g} is never reached: the {self.distance} distance of these embeddings is "
                f"{largest:.3g} at most; {usual:g} is usual{free}"
            )
        return fitted

    def scale(self, encoder: EncoderSettings) -> float:
        """How far apart random embeddings are, as a multiple of the Euclidean distance of random unit embeddings."""
        distance = DISTANCES[self.distance]
        if distance.ignores_length:
            return 1.0
        return distance.ratio(encoder.embedding) * (1.0 if encoder.unit_norm else encoder.chosen.first_length)

    def _default_margins(self, encoder: EncoderSettings) -> dict[str, float]:
        loss, scale = LOSSES[self.name], self.scale(encoder)
        margins = loss.margins.get(DISTANCES[self.distance].margin_unit, {})
        read = loss.options_of(self.form)
        return {key: float(f"{margin * scale:.3g}") for key, margin in margins.items() if key in read}

    def _missing_margins(self, encoder: EncoderSettings) -> dict[str, float]:
        return {key: margin for key, margin in self._default_margins(encoder).items() if getattr(self, key) is None}
