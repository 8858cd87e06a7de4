"""Tells an address of an outcome. Nothing that goes wrong there fails a run."""

import logging
import os
import time
from typing import Any

import httpx

logger = logging.getLogger(__name__)

_TRIES, _TIMEOUT = 3, 10.0  # seconds


def send(address: str, body: dict[str, Any], wait: float = 2.0) -> bool:
    """POSTs ``body`` as JSON; returns whether it arrived.

    Args:
      address: ``https://...``, or ``env:NAME`` for the address in an environment variable.
      body: sent as JSON.
      wait: seconds before the second try, twice as many before the third. An answer of 4xx is not tried again.
    """
    target = os.environ.get(address.removeprefix("env:"), "") if address.startswith("env:") else address
    if not target:
        logger.warning("alerts.webhook %s: there is no such environment variable; nobody was told", address)
        return False
    why = ""
    for attempt in range(_TRIES):
        if attempt:
            time.sleep(wait * 2 ** (attempt - 1))
        try:
            answer = httpx.post(target, json=body, timeout=_TIMEOUT)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            why = type(error).__name__  # not its text, which may hold the address, a secret
            continue
        if answer.is_success:
            return True
        why = f"it answered {answer.status_code}"
        if answer.is_client_error:
            break
    logger.warning("alerts.webhook: nobody was told: %s", why)
    return False
