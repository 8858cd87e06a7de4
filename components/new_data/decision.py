"""Is there enough new to train on?"""

import numpy as np

from components.baseline.report import BaselineReport
from components.run_outcome.gate_result import GateResult
from models.export.seen_images import Keys

GATE = "new_data"


def judge(images: Keys, seen: Keys | None, found: BaselineReport, minimum: int) -> GateResult:
    """The verdict on the images of a run.

    Args:
      images: what it would train and validate on; each once.
      seen: what the model that serves was made from; None where it does not say.
      found: the model that serves, if any.
      minimum: how many of ``images`` must not be in ``seen``.
    """
    if found.status != "served":
        return GateResult(name=GATE, passed=True, reason=f"not counted: {found.absence}")
    if seen is None:
        told = f"not counted: version {found.version}, which serves, has no record of the images it was made from"
        return GateResult(name=GATE, passed=True, reason=told)
    new = int((~np.isin(images, seen, assume_unique=True)).sum())
    told = f"{new:,} new {'image' if new == 1 else 'images'} since version {found.version}, {minimum:,} asked for"
    return GateResult(name=GATE, passed=new >= minimum, reason=told)
