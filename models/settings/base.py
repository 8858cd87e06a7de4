"""The base class of every section of the configuration."""

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Base of every section: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)
