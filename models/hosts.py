"""Whether a training has this host to itself, or is one of several that TensorFlow's ``TF_CONFIG`` names."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass

from models.errors import UserError


@dataclass(frozen=True)
class Hosts:
    """This host among those that train together.

    Attributes:
      number: of this one; 0 is the chief, which alone writes.
      count: of all.
    """

    number: int = 0
    count: int = 1

    @property
    def chief(self) -> bool:
        """Whether this one writes the model, its state and its logs."""
        return self.number == 0


def hosts(environment: Mapping[str, str] = os.environ) -> Hosts:
    """What ``TF_CONFIG`` says; this host alone where it is not set.

    It is JSON as of TensorFlow's guide to training on several workers: ``{"cluster": {"worker": ["host:port", ...]},
    "task": {"type": "worker", "index": 0}}``, with or without a ``chief``.

    Raises:
      UserError: it is something else.
    """
    text = environment.get("TF_CONFIG", "").strip()
    if not text:
        return Hosts()
    try:
        told = json.loads(text)
        cluster, kind, index = told.get("cluster", {}), told["task"]["type"], int(told["task"]["index"])
        chiefs, workers = len(cluster.get("chief", ())), len(cluster.get("worker", ()))
    except (ValueError, TypeError, KeyError, AttributeError):
        raise UserError(
            'TF_CONFIG: must be JSON such as {"cluster": {"worker": ["host:port", ...]}, '
            '"task": {"type": "worker", "index": 0}}'
        ) from None
    if unknown := sorted(cluster.keys() - {"chief", "worker"}):
        raise UserError(f"TF_CONFIG: cluster.{unknown[0]}: must be worker or chief; others have no part in a training")
    if kind not in ("chief", "worker") or not 0 <= index < (chiefs if kind == "chief" else workers):
        raise UserError(f"TF_CONFIG: task {kind} {index}: the cluster has {chiefs} chiefs and {workers} workers")
    return Hosts(index if kind == "chief" else chiefs + index, chiefs + workers)
