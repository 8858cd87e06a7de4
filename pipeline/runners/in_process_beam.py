"""Beam's runner in this process, without two of its costs: each is seconds in a small run."""

import inspect
from collections.abc import Callable
from typing import Any

from apache_beam.runners.portability.fn_api_runner import worker_handlers
from apache_beam.transforms import core, ptransform, util
from apache_beam.typehints import decorators

_MOST = 2000  # signatures that are kept
_signatures: dict[tuple[Any, bool], inspect.Signature] = {}
_compute: Callable[[Any], inspect.Signature] = decorators.get_signature


def quicken() -> None:
    """Turns off the cache of side inputs, and computes the signature of a function once.

    Beam weighs each entry of that cache by a walk over the globals of all loaded modules; and what it keeps is in the
    memory of this process without it. Signatures it computes 118,000 times in a run on 1,797 images, of some hundred
    functions.
    """
    worker_handlers.STATE_CACHE_SIZE_MB = 0
    for module in (decorators, core, ptransform, util):  # which have imported its name, in one version or another
        if hasattr(module, "get_signature"):
            module.get_signature = _signature


def _signature(function: Any) -> inspect.Signature:
    """As Beam's; of a bound method it is that of its function, without ``self``."""
    underlying = getattr(function, "__func__", function)
    key = underlying, underlying is not function
    try:
        found = _signatures.get(key)
    except TypeError:  # it cannot be hashed
        return _compute(function)
    if found is None:
        found = _compute(function)
        if len(_signatures) >= _MOST:
            _signatures.clear()
        _signatures[key] = found
    return found
