"""Cron expressions: the usual five fields, the six of Kubeflow Pipelines, and time zones.

The backend parses with github.com/robfig/cron 1.2: seconds, minutes, hours, day of month, month, day of week (0-6), the
last of which is optional. So it accepts the usual five fields silently, each read as the field before it. Its only time
zone is that of its controller (CRON_SCHEDULE_TIMEZONE, default UTC): ``CRON_TZ=`` came with a later release of that
package.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, time, timedelta, timezone
from typing import NamedTuple
from zoneinfo import ZoneInfo

_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: n for n, name in enumerate(_NAMES, start=1)}
_DAYS = {name: n for n, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))}
_SHORT = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_AHEAD = 366 * 8  # days: there is a February 29th within eight years


class _Kind(NamedTuple):
    name: str
    low: int
    high: int
    names: Mapping[str, int] = {}


_KINDS = (
    _Kind("second", 0, 59),
    _Kind("minute", 0, 59),
    _Kind("hour", 0, 23),
    _Kind("day of the month", 1, 31),
    _Kind("month", 1, 12, _MONTHS),
    _Kind("day of the week", 0, 7, _DAYS),
)


class Part(NamedTuple):
    """One field: its text, its values, and whether it is a star (which matters where both days are set)."""

    text: str
    values: frozenset[int]
    star: bool


class Cron(NamedTuple):
    """A cron expression."""

    second: Part
    minute: Part
    hour: Part
    day: Part
    month: Part
    weekday: Part

    @property
    def six_fields(self) -> str:
        """The expression for the backend."""
        return " ".join(part.text for part in self)


def parse_cron(text: str) -> Cron:
    """Parses five fields (minute first), six (second first), or a shorthand such as @daily.

    Raises:
      ValueError: it is none of them.
    """
    fields = _SHORT.get(text.strip().lower(), text).split()
    if len(fields) == 5:
        fields = ["0", *fields]
    if len(fields) != 6:
        raise ValueError(f"must have five fields such as '0 3 * * *', or six with the seconds first, got {text!r}")
    return Cron(*(_part(field, kind) for field, kind in zip(fields, _KINDS, strict=True)))


def _part(text: str, kind: _Kind) -> Part:
    values: set[int] = set()
    star = False
    for item in text.split(","):
        bounds, slash, step = item.partition("/")
        low, dash, high = bounds.partition("-")
        every, top = low in ("*", "?"), 6 if kind.names is _DAYS else kind.high
        star |= every
        first = kind.low if every else _number(low, kind, text)
        last = _number(high, kind, text) if dash else top if slash or every else first
        if slash and not (step.isdecimal() and int(step) > 0):
            raise ValueError(f"the {kind.name} {text!r}: after / there must be a number from 1")
        if first > last:
            raise ValueError(f"the {kind.name} {text!r}: {low} is after {high}")
        values |= set(range(first, last + 1, int(step) if slash else 1))
    if 7 in values and kind.names is _DAYS:  # Sunday, which is 0 for the backend
        values = (values - {7}) | {0}
        text = ",".join(map(str, sorted(values)))
    return Part(text, frozenset(values), star)


def _number(text: str, kind: _Kind, field: str) -> int:
    value = kind.names.get(text.lower(), int(text) if text.isdecimal() else -1)
    if not kind.low <= value <= kind.high:
        raise ValueError(f"the {kind.name} {field!r}: {text!r} is not from {kind.low} to {kind.high}")
    return value


def in_zone(cron: Cron, written_in: str, read_in: str, now: datetime) -> Cron:
    """Converts an expression from one time zone to another.

    Args:
      cron: the expression.
      written_in: its zone, such as Europe/Berlin.
      read_in: the zone of the backend's controller.
      now: the offset of the zones is compared for a year from here.

    Raises:
      ValueError: the offset changes in the course of the year, so that there is no such expression.
    """
    if written_in == read_in:
        return cron
    zones = ZoneInfo(written_in), ZoneInfo(read_in)
    days = [now + timedelta(days=day) for day in range(400)]
    clocks = [[day.astimezone(zone).replace(tzinfo=None) for zone in zones] for day in days]
    ahead = {int((here - there).total_seconds() // 60) for here, there in clocks}
    shifted = {_shifted(cron, -minutes) for minutes in ahead}
    if len(shifted) > 1:
        raise ValueError(
            f"{written_in} is {' and '.join(_hours(minutes) for minutes in sorted(ahead))} ahead of {read_in} in the "
            "course of a year, and the backend has one expression for all of it"
        )
    return shifted.pop()


def _hours(minutes: int) -> str:
    return f"{minutes / 60:g} h"


def _shifted(cron: Cron, minutes: int) -> Cron:
    """The expression, so many minutes later."""
    clock = [hour * 60 + minute for hour in cron.hour.values for minute in cron.minute.values]
    moved = [divmod(at + minutes, 24 * 60) for at in clock]
    hours = frozenset(minute // 60 for _, minute in moved)
    past = frozenset(minute % 60 for _, minute in moved)
    if len(hours) * len(past) != len({minute for _, minute in moved}):
        raise ValueError(f"moved by {_hours(minutes)}, {cron.six_fields!r} is no longer one expression")
    day_changes = {day for day, _ in moved}
    weekday = cron.weekday
    if day_changes != {0} and not (cron.day.star and cron.month.star and weekday.star):
        if len(day_changes) > 1 or not (cron.day.star and cron.month.star):
            raise ValueError(f"moved by {_hours(minutes)}, {cron.six_fields!r} falls on other days")
        (change,) = day_changes
        weekday = _listed({(day + change) % 7 for day in weekday.values}, weekday)
    return cron._replace(hour=_listed(hours, cron.hour), minute=_listed(past, cron.minute), weekday=weekday)


def _listed(values: Iterable[int], before: Part) -> Part:
    found = frozenset(values)
    return before if found == before.values else Part(",".join(map(str, sorted(found))), found, star=False)


def next_time(cron: Cron, after: datetime, zone: str) -> datetime | None:
    """The first moment after ``after``, in UTC; None where there is none (February 30th)."""
    tz = ZoneInfo(zone)
    clock = sorted(
        time(hour, minute, second)
        for hour in cron.hour.values
        for minute in cron.minute.values
        for second in (sorted(cron.second.values) if len(cron.second.values) < 60 else (0,))
    )
    first = after.astimezone(tz).date()
    for day in (first + timedelta(days=n) for n in range(_AHEAD)):
        if day.month in cron.month.values and _on_day(cron, day.day, day.isoweekday() % 7):
            for at in clock:
                moment = datetime.combine(day, at, tz).astimezone(timezone.utc)
                if moment > after:
                    return moment
    return None


def _on_day(cron: Cron, day: int, weekday: int) -> bool:
    """Both days must match; where neither is a star, one is enough."""
    fits = day in cron.day.values, weekday in cron.weekday.values
    return all(fits) if cron.day.star or cron.weekday.star else any(fits)
