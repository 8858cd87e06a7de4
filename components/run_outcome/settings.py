"""Settings of alerts."""

from typing import Literal

from pydantic import Field

from models.settings import Settings

Kind = Literal["pushed", "serving", "refused", "failed"]


class AlertSettings(Settings):
    """Who is notified of the outcome of a run."""

    webhook: str | None = Field(
        None,
        pattern=r"^(https?://.+|env:[A-Za-z_][A-Za-z0-9_]*)$",
        description="address that takes a JSON POST, or env:NAME to read the address, a secret, from the environment",
    )
    on: tuple[Kind, ...] = Field(
        ("failed", "refused"),
        description="outcomes to notify of: failed, refused, pushed, serving (the identical model already serves)",
    )


class FailureAlerts(Settings):
    """What a pod of a cluster needs to report its failure."""

    pipeline: str = Field(description="name of the pipeline")
    attempts: int = Field(ge=1, description="attempts of a node, the first included")
    alerts: AlertSettings
