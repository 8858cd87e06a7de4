"""The artifact in which a gate writes down what it decided and why."""

import json
from collections.abc import Sequence
from pathlib import Path

from tfx.types.artifact import Artifact

VERDICT_FILE = "verdict.json"


class GateVerdict(Artifact):
    """A gate's verdict: ``verdict.json`` is ``{"gate": name, "passed": bool, "reasons": [...]}``.

    The custom properties ``passed`` (0 or 1) and ``reason`` say the same in the metadata store.
    """

    TYPE_NAME = "GateVerdict"


def write_verdict(artifact: Artifact, gate: str, passed: bool, reasons: Sequence[str] = ()) -> None:
    """Writes ``verdict.json`` into the artifact and sets its custom properties."""
    folder = Path(artifact.uri)
    folder.mkdir(parents=True, exist_ok=True)
    verdict = {"gate": gate, "passed": passed, "reasons": list(reasons)}
    (folder / VERDICT_FILE).write_text(json.dumps(verdict, indent=2) + "\n", encoding="utf-8")
    artifact.set_int_custom_property("passed", int(passed))
    artifact.set_string_custom_property("reason", "; ".join(reasons))
