"""The verdicts of gates as artifacts, and the inputs of components that read every gate."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tfx.types.artifact import Artifact
from tfx.types.channel import BaseChannel
from tfx.types.component_spec import ChannelParameter

from components.artifact_types import GateVerdict, write_file
from components.run_outcome.verdict import VERDICT_FILE, GateResult, Verdict, gate_results, refusals

MOST_GATES = 16


# Inputs for the verdicts of any gates. One input each: TFX's Kubeflow v2 compiler takes no union of channels.
GATE_INPUTS = {
    f"gate_{number}": ChannelParameter(type=GateVerdict, optional=True) for number in range(1, MOST_GATES + 1)
}


def gate_channels(nodes: Iterable[object]) -> dict[str, BaseChannel]:
    """The verdicts of every gate among ``nodes``, in their order, as values for ``GATE_INPUTS``.

    Args:
      nodes: of the graph. A gate is a node with an output of the type ``GateVerdict``.

    Raises:
      ValueError: there are more than ``MOST_GATES``.
    """
    outputs = (channel for node in nodes for channel in node.outputs.values())  # type: ignore[attr-defined]
    channels = [channel for channel in outputs if channel.type is GateVerdict]
    if len(channels) > MOST_GATES:
        raise ValueError(f"{len(channels)} gates; at most {MOST_GATES} are supported (artifacts.MOST_GATES)")
    return dict(zip(GATE_INPUTS, channels, strict=False))


def gates_in(input_dict: Mapping[str, Sequence[Artifact]]) -> list[GateResult]:
    """The results of every gate that is wired to ``GATE_INPUTS``, in order.

    A gate that is wired but has published no verdict counts as refused.
    """
    results: list[GateResult] = []
    for key in (key for key in GATE_INPUTS if key in input_dict):
        if not input_dict[key]:
            results.append(GateResult(name=key, passed=False, reason="the gate published no verdict"))
        results += [gate for one in input_dict[key] for gate in read_verdict(one.uri)]
    return results


def write_verdict(artifact: Artifact, gates: Sequence[GateResult]) -> bool:
    """Writes ``verdict.json`` into the artifact and sets its custom properties; returns whether all gates passed."""
    verdict = Verdict(gates=list(gates))
    write_file(artifact, VERDICT_FILE, verdict.model_dump_json(indent=2) + "\n")
    passed = all(gate.passed for gate in gates)
    artifact.set_int_custom_property("passed", int(passed))
    artifact.set_string_custom_property("reason", refusals(verdict.gates))
    return passed


def read_verdict(uri: str) -> list[GateResult]:
    """The gate results in the artifact at ``uri``."""
    return gate_results((Path(uri) / VERDICT_FILE).read_bytes())


def write_blessing(artifact: Artifact, blessed: bool, blessed_file: str, not_blessed_file: str) -> None:
    """Writes a blessing as TFX's own components do: custom property ``blessed`` (1 or 0) and an empty marker file."""
    artifact.set_int_custom_property("blessed", int(blessed))
    write_file(artifact, blessed_file if blessed else not_blessed_file, "")
