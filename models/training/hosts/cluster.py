"""The hosts of a training, as TensorFlow's ``TF_CONFIG`` names them."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from models.errors import UserError


@dataclass(frozen=True)
class Hosts:
    """This host among those that train together."""

    number: int = 0  # of this one; 0 is the chief, which alone writes
    addresses: tuple[str, ...] = ()  # ``host:port`` of all, by number; empty where this host is alone

    @property
    def count(self) -> int:
        return max(1, len(self.addresses))

    @property
    def chief(self) -> bool:
        """Whether this one writes the model, its state and its logs."""
        return self.number == 0


def hosts(environment: Mapping[str, str] = os.environ) -> Hosts:
    """The cluster that ``TF_CONFIG`` names; this host alone where it is not set.

    It is JSON as of TensorFlow's guide to training on several workers: ``{"cluster": {"worker": ["host:port", ...]},
    "task": {"type": "worker", "index": 0}}``, with or without a ``chief``.

    Raises:
      UserError: it is something else.
    """
    text = environment.get("TF_CONFIG", "").strip()
    if not text:
        return Hosts()
    try:
        parsed = json.loads(text)
        cluster, kind, index = parsed.get("cluster", {}), parsed["task"]["type"], int(parsed["task"]["index"])
        chiefs, workers = (tuple(cluster.get(job, ())) for job in ("chief", "worker"))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        raise UserError(
            'TF_CONFIG: must be JSON such as {"cluster": {"worker": ["host:port", ...]}, '
            '"task": {"type": "worker", "index": 0}}',
            code="train-tf-config",
        ) from None
    if unknown := sorted(cluster.keys() - {"chief", "worker"}):
        raise UserError(f"TF_CONFIG: cluster.{unknown[0]}: must be worker or chief", code="train-tf-config")
    if kind not in ("chief", "worker") or not 0 <= index < len(chiefs if kind == "chief" else workers):
        there = f"the cluster has {len(chiefs)} chiefs and {len(workers)} workers"
        raise UserError(f"TF_CONFIG: task {kind} {index}: {there}", code="train-tf-config")
    addresses = (*chiefs, *workers)
    for address in addresses:
        if not isinstance(address, str) or not re.fullmatch(r".+:\d{1,5}", address) or addresses.count(address) > 1:
            message = f"TF_CONFIG: cluster: {address}: must be host:port, another for each"
            raise UserError(message, code="train-tf-config")
    return Hosts(index if kind == "chief" else len(chiefs) + index, addresses)
