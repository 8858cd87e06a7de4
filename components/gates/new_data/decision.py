"""The decision: are there enough new images to train on?"""

import numpy as np

from components.baseline.report import BaselineReport
from components.run_outcome.verdict import GateResult
from models.export.seen_images import Keys

GATE = "new_data"


def enough_new_data(images: Keys, seen: Keys | None, found: BaselineReport, minimum: int) -> GateResult:
    """Passes if at least ``minimum`` images of a run are not in ``seen``.

    Args:
      images: that it would train and validate on; each once.
      seen: that the served model was trained and validated on; None if it has no record of them.
    """
    if found.status != "served":
        return GateResult(name=GATE, passed=True, reason=f"not counted: {found.absence}")
    if seen is None:
        reason = f"not counted: version {found.version}, which serves, has no record of the images it was trained on"
        return GateResult(name=GATE, passed=True, reason=reason)
    new = int((~np.isin(images, seen, assume_unique=True)).sum())
    reason = f"{new:,} new {'image' if new == 1 else 'images'} since version {found.version}, {minimum:,} required"
    return GateResult(name=GATE, passed=new >= minimum, reason=reason)
