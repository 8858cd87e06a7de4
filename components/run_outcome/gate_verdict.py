"""The artifact in which a component writes down what its gates decided and why."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel
from tfx.types.artifact import Artifact

from components.run_outcome.gate_result import GateResult, refusals

VERDICT_FILE = "verdict.json"


class GateVerdict(Artifact):
    """The verdicts of a component's gates: ``verdict.json`` is ``{"gates": [{name, passed, reason}, ...]}``.

    The custom properties ``passed`` (1 where all did) and ``reason`` (of those that did not) say the same in the
    metadata store.
    """

    TYPE_NAME = "siamese.GateVerdict"


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


def write_blessing(artifact: Artifact, blessed: bool, given: str, refused: str) -> None:
    """Gives a blessing or not, as TFX's components and its Pusher know it.

    Sets the custom property ``blessed`` (1 or 0) and writes an empty marker file, named ``given`` or ``refused``.
    """
    artifact.set_int_custom_property("blessed", int(blessed))
    folder = Path(artifact.uri)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / (given if blessed else refused)).write_text("", encoding="utf-8")
