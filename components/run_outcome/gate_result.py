"""One gate's verdict, as it stands in ``verdict.json`` and in ``summary.json``."""

from pydantic import BaseModel, ConfigDict


class GateResult(BaseModel):
    """A gate's name, its verdict and the reason in a sentence."""

    model_config = ConfigDict(frozen=True)

    name: str
    passed: bool
    reason: str


def refusals(gates: list[GateResult]) -> str:
    """The reasons of the gates that refused, in one line; empty where none did."""
    return "; ".join(f"{gate.name}: {gate.reason}" for gate in gates if not gate.passed)
