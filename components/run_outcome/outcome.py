"""What a run came to. Pure: no TFX, no network."""

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel

from components.run_outcome.gate_result import GateResult, refusals
from components.run_outcome.settings import Kind

OUTCOME_FILE = "outcome.json"


class Outcome(BaseModel):
    """A run that came to its end.

    Attributes:
      name: of the pipeline.
      run_id: of the run.
      status: "pushed" where this run's model serves, pushed by this run or before; "refused" where not.
      already_serving: the identical model served before.
      pushed_version: of the serving folder.
      gates: every gate that was reached.
    """

    name: str
    run_id: str
    status: Literal["pushed", "refused"]
    already_serving: bool = False
    pushed_version: int | None = None
    gates: list[GateResult] = []

    @property
    def kind(self) -> Kind:
        """What somebody may want to hear of."""
        return "serving" if self.already_serving else self.status

    @property
    def sentence(self) -> str:
        """For people: what happened and why."""
        if self.already_serving:
            return f"{self.name}: the very model of run {self.run_id} serves already, as version {self.pushed_version}"
        if self.status == "pushed":
            return f"{self.name}: run {self.run_id} pushed version {self.pushed_version}"
        why = refusals(self.gates) or "it was not blessed"
        return f"{self.name}: run {self.run_id} was refused, what served before still serves: {why}"


def push_gates(gates: Iterable[GateResult], declined: str) -> list[GateResult]:
    """``gates``, and the refusal of a push that was declined although all of them agreed."""
    found = list(gates)
    return [*found, GateResult(name="push", passed=False, reason=declined)] if declined else found


def webhook_body(outcome: Outcome) -> dict[str, Any]:
    """What a webhook is sent: ``text``, as Slack, Mattermost and their like show it, and the outcome itself."""
    return {"text": outcome.sentence, "outcome": outcome.model_dump(mode="json")}
