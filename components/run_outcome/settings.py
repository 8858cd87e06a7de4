"""What a user may set about who hears of a run. Plain pydantic: checked in milliseconds."""

from typing import Literal

from pydantic import Field

from models.settings import Settings

Kind = Literal["pushed", "serving", "refused"]


class AlertSettings(Settings):
    """Where a run's outcome is told."""

    webhook: str | None = Field(
        None,
        pattern=r"^(https?://.+|env:[A-Za-z_][A-Za-z0-9_]*)$",
        description="an address that takes a JSON POST, or env:NAME where the address is a secret",
    )
    on: tuple[Kind, ...] = Field(("refused",), description="serving: the very model serves already")
