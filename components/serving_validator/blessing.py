"""The result of this gate in its two forms: TFX's infra blessing and the verdict."""

from tfx.types.artifact import Artifact

from components.run_outcome.artifacts import write_blessing, write_verdict
from components.run_outcome.verdict import GateResult

GATE = "serving"

# As TFX's InfraValidator writes them.
BLESSED, BLESSED_FILE, NOT_BLESSED_FILE = "blessed", "INFRA_BLESSED", "INFRA_NOT_BLESSED"


def bless(blessing: Artifact, verdict: Artifact, passed: bool, reason: str) -> None:
    """Writes the infra blessing (property ``blessed`` 1 or 0, and the marker file) and the verdict with its reason."""
    write_blessing(blessing, passed, BLESSED_FILE, NOT_BLESSED_FILE)
    write_verdict(verdict, [GateResult(name=GATE, passed=passed, reason=reason)])
