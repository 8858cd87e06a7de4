"""The settings of the pairs."""

from typing import Annotated

from pydantic import Field, model_validator

from models.settings import IsPath, Settings


class PairCounts(Settings):
    """Pairs of a split, genuine and impostor together, instead of ``per_image``."""

    train: int | None = Field(None, ge=2, le=10**8, description="of the train split; an even number")
    val: int | None = Field(None, ge=2, le=10**8, description="of the validation split; an even number")
    test: int | None = Field(None, ge=2, le=10**8, description="a false accept rate of 1e-3 needs about 60,000")


class PairLists(Settings):
    """The user's own lists of pairs, each instead of the generated pairs of its split."""

    train: Annotated[str | None, IsPath()] = Field(None, description="of the train split, as test")
    val: Annotated[str | None, IsPath()] = Field(None, description="of the validation split, as test")
    test: Annotated[str | None, IsPath()] = Field(
        None, description="CSV image_a,image_b,same; lines 'a b 1'; or LFW's pairs.txt"
    )

    def given(self) -> dict[str, str]:
        """The address of each list, by split."""
        return {split: address for split, address in self if address}


class PairSettings(Settings):
    """How many pairs, and which impostors."""

    per_image: float = Field(4, gt=0, le=1000, description="pairs per image of a split, half of them genuine")
    count: PairCounts = Field(PairCounts(), description="pairs of a split, instead of per_image")
    max_per_identity: int = Field(500, ge=1, description="genuine pairs of one identity; twice as many impostors")
    max_per_image: int | None = Field(None, ge=2, description="pairs that one image may be in, of all kinds together")
    same_group: float = Field(0.5, ge=0, le=1, description="share of the impostors that come from the same group")
    forgeries: float = Field(
        0.5, ge=0, le=1, description="share that are given forgeries, where impostor_of names some"
    )
    mined: float = Field(
        0, ge=0, le=1, description="share that are mined: near each other to the served model; train split only"
    )

    protocol: PairLists = Field(PairLists(), description="lists of pairs; the images that they name go to their splits")

    @model_validator(mode="after")
    def _shares_fit(self) -> "PairSettings":
        if self.forgeries + self.mined > 1:
            raise ValueError(f"forgeries {self.forgeries:g} and mined {self.mined:g} are more than all impostors")
        return self

    @model_validator(mode="after")
    def _counts_are_even(self) -> "PairSettings":
        for split, count in self.count:
            if count is not None and count % 2:
                raise ValueError(f"count.{split} is {count}: half of the pairs are genuine, so an even number")
        return self

    def counted(self, split: str) -> bool:
        """Whether the number of pairs of this split is set."""
        return getattr(self.count, split, None) is not None

    def asked(self, split: str, images: int) -> int:
        """The configured number of pairs of a split of so many images: even, two or more."""
        if self.counted(split):
            return int(getattr(self.count, split))
        return max(2, 2 * round(self.per_image * images / 2))
