"""What a user may set about the last check before a push. Plain pydantic: checked in milliseconds."""

from typing import Literal

from pydantic import Field

from models.settings import Settings


class ServingValidatorSettings(Settings):
    """How an exported model is tried."""

    runtime: Literal["process", "docker", "kubernetes"] = Field(
        "process", description="a fresh Python process, or the real TensorFlow Serving image"
    )
    image: str = Field("tensorflow/serving:2.16.1", description="the image (runtime: docker or kubernetes)")
    canaries: int = Field(32, ge=1, le=1000, description="test pairs that every signature answers")
    tolerance: float = Field(1e-5, gt=0, description="largest difference of a score from the Evaluator's")
    timeout: float = Field(300, gt=0, description="seconds for a model to load and answer")
