"""Settings of the server and of schedules."""

import re
from collections.abc import Callable
from datetime import date, datetime, timezone
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from models.settings import Settings
from pipeline.config.cron import in_zone, parse_cron

_LONGEST = 315_360_000  # seconds
_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}


def interval_seconds(text: str) -> int:
    """A duration such as 6h, 90m or 1d12h in seconds.

    Raises:
      ValueError: it is not a duration, or shorter than a minute.
    """
    if not re.fullmatch(r"(\d+[dhms])+", text):
        raise ValueError(f"must be a duration such as 6h, 90m or 1d12h, got {text!r}")
    seconds = sum(int(count) * _UNITS[unit] for count, unit in re.findall(r"(\d+)([dhms])", text))
    if seconds > _LONGEST:
        raise ValueError(f"must be ten years or less, got {text!r}")
    if seconds < 60:
        raise ValueError(f"must be a minute or more, got {text!r}")
    return seconds


def moment(text: str, zone: str) -> datetime:
    """Parses a date, or a date and a time, in a zone unless it has its own offset; in UTC.

    Raises:
      ValueError: it is not a time.
    """
    try:
        found = datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", text))
        aware = found if found.tzinfo else found.replace(tzinfo=ZoneInfo(zone))
        return aware.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise ValueError(
            f"must be a time such as 2027-01-31, 2027-01-31T03:00 or 2027-01-31T03:00Z, got {text!r}"
        ) from None


def accepted_by(parse: Callable[[str], object]) -> AfterValidator:
    """A text that ``parse`` accepts, unchanged."""

    def check(text: str) -> str:
        parse(text)
        return text

    return AfterValidator(check)


def _written(found: object) -> object:
    """The text of a date, which YAML parses."""
    return found.isoformat() if isinstance(found, date) else found


def _zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"must be a time zone such as UTC or Europe/Berlin, got {name!r}") from None


Zone = Annotated[str, accepted_by(_zone)]
Moment = Annotated[str, BeforeValidator(_written), accepted_by(lambda text: moment(text, "UTC"))]


class ConnectionSettings(Settings):
    """The connection to the server; credentials are read from the environment only."""

    kube_context: str | None = Field(None, description="context of kubectl, used without host")
    proxy: str | None = Field(None, description="proxy of the server: http://host:port")
    ca_file: str | None = Field(None, description="file of trusted certificates, PEM")
    verify_tls: bool = Field(True, description="refuse a server whose certificate is not trusted")
    timeout: float = Field(60, gt=0, le=3600, description="seconds to wait for an answer")


class ScheduleSettings(Settings):
    """The times of a schedule."""

    cron: Annotated[str, accepted_by(parse_cron)] | None = Field(
        None, description="cron expression of five fields: 0 3 * * *"
    )
    interval: Annotated[str, accepted_by(interval_seconds)] | None = Field(
        None, description="interval between runs: 6h, 90m, 1d12h"
    )
    time_zone: Zone = Field("UTC", description="time zone of cron, start and end")
    cluster_time_zone: Zone = Field(
        "UTC", description="time zone of the cluster: cronScheduleTimezone in its pipeline-install-config"
    )
    catch_up: bool = Field(False, description="make up for every missed run, not for the last one only")
    max_concurrency: int = Field(1, ge=1, le=10, description="concurrent runs")
    start: Moment | None = Field(None, description="no run before, e.g. 2027-01-31T03:00")
    end: Moment | None = Field(None, description="no run after")

    @model_validator(mode="after")
    def _in_order(self) -> "ScheduleSettings":
        if self.start and self.end and moment(self.start, self.time_zone) >= moment(self.end, self.time_zone):
            raise ValueError(f"start {self.start} must be before end {self.end}")
        return self

    def trigger(self, now: datetime) -> dict[str, str | int]:
        """The times as arguments of the SDK's ``create_recurring_run``.

        Raises:
          ValueError: neither cron nor interval, or both; or the cluster's time zone has no such expression.
        """
        times = {
            f"{key}_time": moment(text, self.time_zone).strftime("%Y-%m-%dT%H:%M:%SZ")
            for key, text in (("start", self.start), ("end", self.end))
            if text
        }
        if bool(self.cron) == bool(self.interval):
            raise ValueError("either --cron or --interval is needed (kubeflow.schedule.cron, .interval)")
        if self.interval:
            return {"interval_second": interval_seconds(self.interval), **times}
        try:
            cron = in_zone(parse_cron(self.cron or ""), self.time_zone, self.cluster_time_zone, now)
        except ValueError as error:
            raise ValueError(
                f"{error}. Write it in {self.cluster_time_zone}, or have the cluster read {self.time_zone} "
                f"(cronScheduleTimezone: {self.time_zone} in the ConfigMap pipeline-install-config, then restart the "
                "deployment ml-pipeline-scheduledworkflow; this changes all its schedules) and set "
                f"kubeflow.schedule.cluster_time_zone: {self.time_zone}"
            ) from None
        return {"cron_expression": cron.six_fields, **times}
