"""The artifact in which a component writes down what its gates decided and why."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel
from tfx.types.artifact import Artifact

from components.verdict.result import GateResult, refusals

VERDICT_FILE = "verdict.json"


class GateVerdict(Artifact):
    """The verdicts of a component's gates: ``verdict.json`` is ``{"gates": [{name, passed, reason}, ...]}``.

    The custom properties ``passed`` (1 where all did) and ``reason`` (of those that did not) say the same in the
    metadata store.
    """

    TYPE_NAME = "GateVerdict"


class _Verdict(BaseModel):
    gates: list[GateResult]


def write_verdict(artifact: Artifact, gates: Sequence[GateResult]) -> bool:
    """Writes ``verdict.json`` into the artifact and sets its custom properties; returns whether all gates passed."""
    folder = Path(artifact.uri)
    folder.mkdir(parents=True, exist_ok=True)
    verdict = _Verdict(gates=list(gates))
    (folder / VERDICT_FILE).write_text(verdict.model_dump_json(indent=2) + "\n", encoding="utf-8")
    passed = all(gate.passed for gate in gates)
    artifact.set_int_custom_property("passed", int(passed))
    artifact.set_string_custom_property("reason", refusals(verdict.gates))
    return passed


def read_verdict(uri: str) -> list[GateResult]:
    """The verdicts in the artifact at ``uri``."""
    return _Verdict.model_validate_json((Path(uri) / VERDICT_FILE).read_text(encoding="utf-8")).gates
