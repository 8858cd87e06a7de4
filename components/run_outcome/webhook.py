"""Notifies a webhook of an outcome. No failure here fails a run."""

import logging
import os
import time
from collections.abc import Mapping
from typing import Any

import httpx

from components.run_outcome.settings import AlertSettings
from components.run_outcome.verdict import Outcome

logger = logging.getLogger(__name__)

_TRIES, _TIMEOUT = 3, 10.0  # seconds


def notify(
    alerts: AlertSettings, outcome: Outcome, look: Mapping[str, str] | None = None, note: str = ""
) -> str | None:
    """Sends ``outcome`` to ``alerts.webhook`` if ``alerts.on`` has its kind.

    Args:
      alerts: the settings.
      outcome: of the run.
      look: where to look, such as ``{"summary": <path>}``.
      note: a sentence more.

    Returns:
      Why it could not be sent; None if it was sent, or was not to be.
    """
    if not alerts.webhook or outcome.kind not in alerts.on:
        return None
    return send(alerts.webhook, webhook_body(outcome, look, note))


def webhook_body(outcome: Outcome, look: Mapping[str, str] | None = None, note: str = "") -> dict[str, Any]:
    """``text`` (the field that Slack, Mattermost and others display), ``outcome``, and ``look``: where to look."""
    where = ", ".join((look or {}).values())
    text = ". ".join(part for part in (outcome.sentence, note, f"See {where}" if where else "") if part)
    return {"text": text, "outcome": outcome.model_dump(mode="json"), "look": dict(look or {})}


def send(address: str, body: Mapping[str, Any], wait: float = 2.0) -> str | None:
    """POSTs ``body`` as JSON; returns why it could not be sent, or None.

    Args:
      address: ``https://...``, or ``env:NAME`` for the address in an environment variable.
      body: sent as JSON.
      wait: seconds before the second try, twice as many before the third. An answer of 4xx is not tried again.
    """
    target = os.environ.get(address.removeprefix("env:"), "") if address.startswith("env:") else address
    why = "" if target else f"environment variable {address.removeprefix('env:')} is not set"
    for attempt in range(_TRIES if target else 0):
        if attempt:
            time.sleep(wait * 2 ** (attempt - 1))
        try:
            answer = httpx.post(target, json=body, timeout=_TIMEOUT)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            why = type(error).__name__  # not its text, which may contain the address, a secret
            continue
        if answer.is_success:
            return None
        why = f"HTTP status {answer.status_code}"
        if answer.is_client_error:
            break
    why = f"alerts.webhook: not sent: {why}"
    logger.warning("%s", why)
    return why
