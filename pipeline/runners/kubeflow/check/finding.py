"""One thing that is wrong with a compiled pipeline."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

_NAMED = 4


@dataclass(frozen=True)
class Fault:
    """What the backend would do with one part of the file, and what would be right.

    Attributes:
      where: the part: a task, an executor, a parameter, the file.
      sentence: without the part's name.
      severity: "error" where the upload is refused, the run fails, or something that is asked for is left out;
        "warning" where it runs and somebody may be sorry.
    """

    where: str
    sentence: str
    severity: Literal["error", "warning"] = "error"


def lines(faults: Iterable[Fault]) -> list[str]:
    """One line a sentence, with all the parts that it holds for."""
    parts: dict[tuple[str, str], list[str]] = {}
    for fault in faults:
        parts.setdefault((fault.severity, fault.sentence), []).append(fault.where)
    told = []
    for (severity, sentence), where in parts.items():
        more = f" and {len(where) - _NAMED} more" if len(where) > _NAMED else ""
        told.append(f"{severity}: {', '.join(where[:_NAMED])}{more}: {sentence}")
    return told


def warning(where: str, sentence: str) -> Fault:
    """A fault with which a pipeline runs."""
    return Fault(where, sentence, "warning")
