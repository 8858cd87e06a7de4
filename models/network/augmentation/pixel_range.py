"""What the numbers of an image mean where it is distorted."""

from dataclasses import dataclass

from models.settings import EncoderSettings


@dataclass(frozen=True)
class PixelRange:
    """The scale on which the network is given pixels.

    Attributes:
      mean: of the training pixels, or near it.
      deviation: their standard deviation, or near it.
      ends: black and white, where all images have the same; distorted pixels stay between them.
    """

    mean: float = 0.0
    deviation: float = 1.0
    ends: tuple[float, float] | None = None

    @classmethod
    def of(cls, encoder: EncoderSettings) -> "PixelRange":
        """Normalised over the train split; in [0, 1] for a backbone, which scales them as its weights want them.

        Photographs have about half of it as their mean, and a quarter as their deviation.
        """
        return cls() if encoder.backbone is None else cls(0.5, 0.25, (0.0, 1.0))
