"""What a user may set about the server and about schedules."""

import re
from datetime import date, datetime, timezone
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from models.settings import Settings
from pipeline.config.cron import in_zone, parse_cron

_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}


def interval_seconds(text: str) -> int:
    """A duration such as 6h, 90m or 1d12h in seconds.

    Raises:
      ValueError: it is none, or shorter than a minute.
    """
    if not re.fullmatch(r"(\d+[dhms])+", text):
        raise ValueError(f"must be a duration such as 6h, 90m or 1d12h, got {text!r}")
    seconds = sum(int(count) * _UNITS[unit] for count, unit in re.findall(r"(\d+)([dhms])", text))
    if seconds < 60:
        raise ValueError(f"must be a minute or more, got {text!r}")
    return seconds


def moment(text: str, zone: str) -> datetime:
    """A date, or a date and a time, of a zone unless it names its own offset; in UTC.

    Raises:
      ValueError: it is none.
    """
    try:
        found = datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", text))
    except ValueError:
        raise ValueError(
            f"must be a time such as 2027-01-31, 2027-01-31T03:00 or 2027-01-31T03:00Z, got {text!r}"
        ) from None
    aware = found if found.tzinfo else found.replace(tzinfo=ZoneInfo(zone))
    return aware.astimezone(timezone.utc)


def _checked_cron(text: str) -> str:
    parse_cron(text)
    return text


def _checked_interval(text: str) -> str:
    interval_seconds(text)
    return text


def _written(found: object) -> object:
    """YAML reads a date as one."""
    return found.isoformat() if isinstance(found, date) else found


def _checked_moment(text: str) -> str:
    moment(text, "UTC")
    return text


def _checked_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"must be a time zone such as UTC or Europe/Berlin, got {name!r}") from None
    return name


Zone = Annotated[str, AfterValidator(_checked_zone)]
Moment = Annotated[str, BeforeValidator(_written), AfterValidator(_checked_moment)]


class ConnectionSettings(Settings):
    """How the server is reached; credentials come from the environment alone."""

    kube_context: str | None = Field(None, description="of kubectl's configuration, where there is no host")
    proxy: str | None = Field(None, description="http://host:port")
    ca_file: str | None = Field(None, description="certificates to trust, PEM")
    verify_tls: bool = Field(True, description="refuse a server whose certificate is not trusted")
    timeout: float = Field(60, gt=0, le=3600, description="seconds that the server may take to answer")


class ScheduleSettings(Settings):
    """When a schedule runs."""

    cron: Annotated[str, AfterValidator(_checked_cron)] | None = Field(None, description="five fields: 0 3 * * *")
    interval: Annotated[str, AfterValidator(_checked_interval)] | None = Field(None, description="6h, 90m, 1d12h")
    time_zone: Zone = Field("UTC", description="that cron, start and end are written in")
    cluster_time_zone: Zone = Field(
        "UTC", description="that the cluster reads cron in: cronScheduleTimezone in its pipeline-install-config"
    )
    catch_up: bool = Field(False, description="run every time that was missed, not the last one alone")
    max_concurrency: int = Field(1, ge=1, le=10, description="runs at once")
    start: Moment | None = Field(None, description="nothing runs before, e.g. 2027-01-31T03:00")
    end: Moment | None = Field(None, description="nothing runs after")

    @model_validator(mode="after")
    def _in_order(self) -> "ScheduleSettings":
        if self.start and self.end and moment(self.start, self.time_zone) >= moment(self.end, self.time_zone):
            raise ValueError(f"start {self.start} must be before end {self.end}")
        return self

    def trigger(self, now: datetime) -> dict[str, str | int]:
        """What the SDK's ``create_recurring_run`` is told of time.

        Raises:
          ValueError: neither cron nor interval, or both; or the time zones do not go together.
        """
        times = {
            f"{key}_time": moment(text, self.time_zone).strftime("%Y-%m-%dT%H:%M:%SZ")
            for key, text in (("start", self.start), ("end", self.end))
            if text
        }
        if bool(self.cron) == bool(self.interval):
            raise ValueError("either --cron or --interval must be given (kubeflow.schedule.cron, .interval)")
        if self.interval:
            return {"interval_second": interval_seconds(self.interval), **times}
        try:
            cron = in_zone(parse_cron(self.cron or ""), self.time_zone, self.cluster_time_zone, now)
        except ValueError as error:
            raise ValueError(
                f"{error}. Write it in {self.cluster_time_zone}, or have the cluster read {self.time_zone} "
                f"(cronScheduleTimezone: {self.time_zone} in the ConfigMap pipeline-install-config, then restart the "
                "deployment ml-pipeline-scheduledworkflow; all its schedules follow) and say so: "
                f"kubeflow.schedule.cluster_time_zone: {self.time_zone}"
            ) from None
        return {"cron_expression": cron.six_fields, **times}
