from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config.cron import in_zone, next_time, parse_cron

NOW = datetime(2026, 11, 23, 8, tzinfo=timezone.utc)


def utc(*parts):
    return datetime(*parts, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("text", "six"),
    [
        ("0 3 * * *", "0 0 3 * * *"),
        ("30 0 3 * * *", "30 0 3 * * *"),
        ("*/15 8-18 * * mon-fri", "0 */15 8-18 * * mon-fri"),
        ("0 3 ? * 1", "0 0 3 ? * 1"),
        ("@daily", "0 0 0 * * *"),
        ("@weekly", "0 0 0 * * 0"),
        ("0 3 * * 7", "0 0 3 * * 0"),  # Sunday, which the backend knows as 0 alone
        ("0 3 * * 5-7", "0 0 3 * * 0,5,6"),
    ],
)
def test_what_everybody_writes_becomes_what_the_backend_reads(text, six):
    assert parse_cron(text).six_fields == six


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("0 3 * *", "five fields such as"),
        ("CRON_TZ=UTC 0 0 3 * * *", "five fields such as"),
        ("60 3 * * *", "the minute '60': '60' is not from 0 to 59"),
        ("0 24 * * *", "the hour '24'"),
        ("0 22-2 * * *", "22 is after 2"),
        ("0 3 L * *", "the day of the month 'L'"),
        ("0 3 * foo *", "the month 'foo'"),
        ("*/0 * * * *", "after / there must be a number from 1"),
        ("0 3 * * 8", "the day of the week '8'"),
        ("1,,2 * * * *", "the minute '1,,2'"),
        ("", "five fields"),
    ],
)
def test_what_the_backend_would_refuse_or_misread_is_refused(text, why):
    with pytest.raises(ValueError, match=why):
        parse_cron(text)


@pytest.mark.parametrize(
    ("text", "zone", "six"),
    [
        ("0 3 * * *", "Asia/Kolkata", "0 30 21 * * *"),  # half an hour, and over midnight
        ("0 9 * * *", "Asia/Tokyo", "0 0 0 * * *"),
        ("0 3 * * mon", "Asia/Tokyo", "0 0 18 * * 0"),  # the day before
        ("0 23 * * 6", "Etc/GMT+5", "0 0 4 * * 0"),  # the day after
        ("0 3 1 * *", "Africa/Lagos", "0 0 2 1 * *"),  # the same day
        ("0 * * * *", "Europe/Berlin", "0 0 * * * *"),  # the same in summer and in winter
        ("*/30 * * * *", "Australia/Adelaide", "0 */30 * * * *"),
        ("0 3 * * *", "UTC", "0 0 3 * * *"),
    ],
)
def test_another_time_zone_is_converted_where_that_is_the_same_all_year(text, zone, six):
    assert in_zone(parse_cron(text), zone, "UTC", NOW).six_fields == six


@pytest.mark.parametrize(
    ("text", "zone", "why"),
    [
        ("0 3 * * *", "Europe/Berlin", "1 h and 2 h ahead of UTC in the course of a year"),
        ("0 3 1 * *", "Asia/Tokyo", "falls on other days"),
        ("0 3,12 * * 1", "Asia/Tokyo", "falls on other days"),
        ("0,40 3 * * *", "Asia/Kolkata", "no longer one expression"),
    ],
)
def test_what_cannot_be_converted_is_refused(text, zone, why):
    with pytest.raises(ValueError, match=why):
        in_zone(parse_cron(text), zone, "UTC", NOW)


def test_a_controller_in_the_same_zone_reads_it_as_it_is():
    cron = parse_cron("0 3 * * 1")
    assert in_zone(cron, "Europe/Berlin", "Europe/Berlin", NOW) == cron
    # Two zones whose clocks change together are as far apart the whole year.
    assert in_zone(cron, "Europe/Helsinki", "Europe/Berlin", NOW).six_fields == "0 0 2 * * 1"


@given(
    minute=st.integers(0, 59),
    hour=st.integers(0, 23),
    weekday=st.sampled_from(["*", "0", "3", "1-5", "0,6"]),
    zone=st.sampled_from(["Asia/Tokyo", "Asia/Kolkata", "Etc/GMT+11", "Pacific/Kiritimati", "Asia/Kathmandu"]),
    since=st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1), timezones=st.just(timezone.utc)),  # noqa: DTZ001
)
def test_a_converted_expression_means_the_same_moments(minute, hour, weekday, zone, since):
    cron = parse_cron(f"{minute} {hour} * * {weekday}")
    assert next_time(in_zone(cron, zone, "UTC", NOW), since, "UTC") == next_time(cron, since, zone)


@pytest.mark.parametrize(
    ("text", "after", "zone", "expected"),
    [
        ("0 3 * * *", utc(2026, 11, 23, 2), "UTC", utc(2026, 11, 23, 3)),
        ("0 3 * * *", utc(2026, 11, 23, 3), "UTC", utc(2026, 11, 24, 3)),
        ("0 3 * * *", utc(2026, 11, 23, 3), "Europe/Berlin", utc(2026, 11, 24, 2)),
        ("*/20 * * * *", utc(2026, 11, 23, 3, 20, 30), "UTC", utc(2026, 11, 23, 3, 40)),
        ("0 0 29 2 *", utc(2026, 11, 23), "UTC", utc(2028, 2, 29)),
        ("0 0 13 * 5", utc(2026, 11, 14), "UTC", utc(2026, 11, 20)),  # both days set: either is enough
        ("0 0 30 2 *", utc(2026, 11, 23), "UTC", None),
        ("15 0 3 * * *", utc(2026, 11, 23), "UTC", utc(2026, 11, 23, 3, 0, 15)),
    ],
)
def test_the_next_time(text, after, zone, expected):
    assert next_time(parse_cron(text), after, zone) == expected


def test_the_next_time_is_after_and_no_earlier_one_is_left_out():
    cron = parse_cron("10,50 */6 * * *")
    since, found = utc(2026, 11, 23), []
    while len(found) < 8:
        since = next_time(cron, since, "UTC")
        found.append(since)
    assert [at.strftime("%H:%M") for at in found] == [
        "00:10",
        "00:50",
        "06:10",
        "06:50",
        "12:10",
        "12:50",
        "18:10",
        "18:50",
    ]
    assert found[-1] - found[0] < timedelta(days=1)
