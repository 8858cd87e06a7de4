"""Notifies a webhook of an outcome. No failure here fails a run."""

import logging
import os
import time
from collections.abc import Mapping
from typing import Any

from components.run_outcome.settings import AlertSettings
from components.run_outcome.verdict import Outcome

logger = logging.getLogger(__name__)

_TRIES, _SECONDS = 3, 10.0  # of each try, in all
_MAY_PASS = (408, 429)


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
    """POSTs ``body`` as JSON; returns why it could not be sent, or None. Never raises, and ends within a minute.

    Args:
      address: ``https://...``, or ``env:NAME`` for the address in an environment variable.
      body: sent as JSON.
      wait: seconds before the second try, twice as many before the third. Only what may pass is tried again.
    """
    try:
        why = _tried(address, body, wait)
    except Exception as error:  # noqa: BLE001 - a run that pushed has pushed, whatever happens here
        why = type(error).__name__  # not its text, which may contain the address, a secret
    if why is None:
        return None
    why = f"alerts.webhook: not sent: {why}"
    logger.warning("%s", why)
    return why


def _tried(address: str, body: Mapping[str, Any], wait: float) -> str | None:
    from models.http_client import RequestFailed, request  # httpx

    target, variable = address, ""
    if address.startswith("env:"):
        variable = address.removeprefix("env:")
        target = os.environ.get(variable, "").strip()
        if not target:
            return f"environment variable {variable} is not set"
    if not target.startswith(("http://", "https://")):
        return f"environment variable {variable} holds no http:// or https:// address"
    why: str | None = None
    for attempt in range(_TRIES):
        if attempt:
            time.sleep(wait * 2 ** (attempt - 1))
        try:
            answer = request("POST", target, seconds=_SECONDS, most_bytes=0, json=body)
        except RequestFailed as error:
            why = str(error)
            continue
        if answer.is_success:
            return None
        why = f"HTTP status {answer.status}"
        if answer.status < 500 and answer.status not in _MAY_PASS:
            break
    return why
