"""What a run left in the pipeline root, brought here as far as a report needs it."""

import os
from pathlib import Path
from typing import Any

from components.run_record.files import SOURCES, Given
from components.run_report.page import FILE as PAGE
from models.data.features import TEST
from models.export.manifest import FILE as MANIFEST

# Only these parts of large artifacts.
_PARTS = {"pairs": f"Split-{TEST}", "model": f"Format-Serving/{MANIFEST}"}
_WITHOUT = ("pushed_model",)  # a copy of the model; what came of it is in the outcome


class RunInRoot:
    """The artifacts of one run: ``<root>/<pipeline>/<run id>/<node>/<uuid>/<key>``.

    Args:
      root: the pipeline root, of any kind that fsspec reads.
      pipeline: its name.
      run_id: of the run.

    Raises:
      Exception: whatever the library of an object store raises where there is none, or no right to read.
    """

    def __init__(self, root: str, pipeline: str, run_id: str) -> None:
        import fsspec

        scheme, _, rest = root.partition("://")
        options: dict[str, Any] = {}
        if scheme == "minio":  # which only the backend knows: an object store that speaks S3
            scheme = "s3"
            if endpoint := os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL"):
                options["endpoint_url"] = endpoint
        self._files = fsspec.filesystem(scheme, **options)
        self._base = f"{rest.rstrip('/')}/{pipeline}/{run_id}"

    def newest(self, pattern: str) -> str | None:
        """The newest file or folder below the run's own; of a node that was tried again there are several."""
        paths = self._files.glob(f"{self._base}/{pattern}")
        found = sorted(paths, key=lambda path: str(self._files.info(path).get("LastModified", "")))
        return found[-1] if found else None

    def read(self, pattern: str) -> bytes | None:
        """The content of the newest such file."""
        path = self.newest(pattern)
        return self._files.cat_file(path) if path else None

    def page(self) -> bytes | None:
        """The page, of a run that came to its end."""
        return self.read(f"RunReport/*/report/{PAGE}")

    def fetch(self, target: Path) -> dict[str, Given]:
        """Brings what a report needs into ``target``; the artifacts, by the names of ``run_report.files.SOURCES``."""
        found = {}
        for name, (node, key) in SOURCES.items():
            part = _PARTS.get(name, "")
            path = self.newest(f"{node}/*/{key}/{part}".rstrip("/"))
            if path is None or name in _WITHOUT:
                continue
            place = target / name / part
            place.parent.mkdir(parents=True, exist_ok=True)
            self._files.get(path, str(place), recursive=self._files.isdir(path))
            found[name] = Given(str(target / name), {})
        return found
