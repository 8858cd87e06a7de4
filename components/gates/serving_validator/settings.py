"""Settings of the serving smoke test."""

from typing import Literal

from pydantic import Field

from models.settings import Settings


class ServingValidatorSettings(Settings):
    """How an exported model is tested before the push."""

    runtime: Literal["process", "docker", "kubernetes"] = Field(
        "process", description="a fresh Python process, or the real TensorFlow Serving image"
    )
    image: str = Field("tensorflow/serving:2.16.1", description="the image (runtime: docker or kubernetes)")
    canaries: int = Field(32, ge=1, le=1000, description="test pairs that are sent to every signature")
    tolerance: float = Field(1e-5, gt=0, le=1, description="largest difference of a score from the Evaluator's")
    timeout: float = Field(300, gt=0, le=86_400, description="seconds for the model to load and answer")
