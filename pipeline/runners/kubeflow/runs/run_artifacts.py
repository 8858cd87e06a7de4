"""The artifacts of a run in the pipeline root, copied as far as a report needs them."""

from pathlib import Path

from components.run_outcome.verdict import OUTCOME_FILE, GateResult, Outcome
from components.run_record.files import SOURCES, ArtifactRecord
from components.run_report.page import FILE as PAGE
from models.data.features import TEST
from models.export.manifest import FILE as MANIFEST
from pipeline.runners.kubeflow.entrypoint.alerts import (
    FAILED,
    PATIENCE,
    changed,
    open_root,
    reached_gates,
    verdict_files,
    within,
)

# Only these parts of large artifacts.
_PARTS = {"pairs": f"Split-{TEST}", "model": f"Format-Serving/{MANIFEST}"}
_WITHOUT = ("pushed_model",)  # a copy of the model; the push itself is in the outcome


class RunInRoot:
    """The artifacts of one run: ``<root>/<pipeline>/<run id>/<node>/<uuid>/<key>`` in a root that fsspec reads.

    Raises:
      Exception: whatever the client of an object store raises if it is missing or access is denied.
    """

    def __init__(self, root: str, pipeline: str, run_id: str) -> None:
        self._files, base = open_root(root)
        self._base = f"{base}/{pipeline}/{run_id}"

    def newest(self, pattern: str) -> str | None:
        """The newest file or folder below the run's own; of a node that was tried again there are several."""
        paths = self._files.glob(f"{self._base}/{pattern}")
        return max(paths, key=lambda path: changed(self._files, path), default=None)

    def read(self, pattern: str) -> bytes | None:
        """The content of the newest such file."""
        path = self.newest(pattern)
        return self._files.cat_file(path) if path else None

    def page(self) -> bytes | None:
        """The page, of a run that came to its end."""
        return self.read(f"RunReport/*/report/{PAGE}")

    def outcome(self) -> Outcome | None:
        """``outcome.json``: of the node Outcome, else of the pod that ended the run by its failure."""
        content = self.read(f"Outcome/*/outcome/{OUTCOME_FILE}") or self.read(f"{FAILED}/{OUTCOME_FILE}")
        return Outcome.model_validate_json(content) if content else None

    def gates(self) -> list[GateResult]:
        """The results of every gate that was reached."""
        return reached_gates(self._files, self._base)

    def fetch(self, target: Path) -> tuple[dict[str, ArtifactRecord], dict[str, ArtifactRecord]]:
        """Copies what a report needs into ``target``; returns artifacts by the names of ``SOURCES``, and verdicts."""
        found = {}
        for name, (node, key) in SOURCES.items():
            part = _PARTS.get(name, "")
            path = self.newest(f"{node}/*/{key}/{part}".rstrip("/"))
            if path is None or name in _WITHOUT:
                continue
            found[name] = self._get(path, target / name, part)
        written = {node: path.rpartition("/")[0] for node, path in verdict_files(self._files, self._base).items()}
        verdicts = {node: self._get(path, target / "verdicts" / node) for node, path in written.items()}
        return found, verdicts

    def _get(self, path: str, target: Path, part: str = "") -> ArtifactRecord:
        to = target / part
        to.parent.mkdir(parents=True, exist_ok=True)
        self._files.get(path, str(to), recursive=self._files.isdir(path))
        return ArtifactRecord(str(target), {})


def read_gates(root: str, pipeline: str, run_id: str, patience: float = PATIENCE) -> list[GateResult]:
    """The gates that a run reached; none where they cannot be read from here within ``patience`` seconds."""
    return within(patience, lambda: RunInRoot(root, pipeline, run_id).gates()) or []


def read_outcome(root: str, pipeline: str, run_id: str, patience: float = PATIENCE) -> Outcome | None:
    """The outcome of a run in the pipeline root; None where it cannot be read from here within ``patience`` seconds."""
    # No library, no credentials, no network, no such run: the caller reports where to look.
    return within(patience, lambda: RunInRoot(root, pipeline, run_id).outcome())
