"""The report of Baseline, ``baseline.json``."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel

FILE = "baseline.json"


class BaselineReport(BaseModel):
    """``served``: there is a model to compare with. ``none``: nothing serves. ``ignored``: by the configuration."""

    status: Literal["served", "none", "ignored"]
    version: int | None = None
    model_digest: str | None = None
    split: dict[str, object] = {}  # rule and seed of its own split
    image: dict[str, object] = {}  # its preprocessing: the fields of ``ImageSettings``

    @property
    def absence(self) -> str:
        """Why there is no baseline."""
        if self.status == "ignored":
            return f"version {self.version} serves and is not compared with (gates.ignore_baseline)"
        return "nothing serves yet to compare with"

    def write(self, uri: str) -> None:
        """Writes it into an artifact."""
        Path(uri).mkdir(parents=True, exist_ok=True)
        (Path(uri) / FILE).write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, uri: str) -> "BaselineReport":
        """Reads it from an artifact."""
        return cls.model_validate_json((Path(uri) / FILE).read_text(encoding="utf-8"))
