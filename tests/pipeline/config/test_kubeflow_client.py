import re
from datetime import datetime, timezone

import pytest

from models.errors import UserError
from pipeline.config import load_config
from pipeline.config.kubeflow_client import ScheduleSettings, interval_seconds, moment

NOW = datetime(2026, 11, 23, 8, tzinfo=timezone.utc)


@pytest.mark.parametrize(("text", "seconds"), [("6h", 21_600), ("90m", 5_400), ("1d12h", 129_600), ("60s", 60)])
def test_an_interval_is_a_duration(text, seconds):
    assert interval_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "6", "6 h", "1.5h", "-1h", "30s", "0h", "h"])
def test_other_text_is_not_an_interval(text):
    with pytest.raises(ValueError, match="must be a"):
        interval_seconds(text)


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("2027-01-31", "UTC", (2027, 1, 31, 0, 0)),
        ("2027-01-31T03:00", "Europe/Berlin", (2027, 1, 31, 2, 0)),
        ("2027-07-31T03:00", "Europe/Berlin", (2027, 7, 31, 1, 0)),
        ("2027-01-31T03:00Z", "Europe/Berlin", (2027, 1, 31, 3, 0)),
        ("2027-01-31T03:00+05:30", "UTC", (2027, 1, 30, 21, 30)),
    ],
)
def test_a_moment_without_an_offset_is_in_the_zone(text, zone, expected):
    assert moment(text, zone) == datetime(*expected, tzinfo=timezone.utc)


def test_the_trigger_is_the_sdks():
    schedule = ScheduleSettings(cron="0 3 * * 1", time_zone="Asia/Tokyo", start="2027-01-01", end="2027-02-01")
    assert schedule.trigger(NOW) == {
        "cron_expression": "0 0 18 * * 0",
        "start_time": "2026-12-31T15:00:00Z",
        "end_time": "2027-01-31T15:00:00Z",
    }
    assert ScheduleSettings(interval="6h").trigger(NOW) == {"interval_second": 21_600}


def test_a_zone_whose_clocks_change_is_refused_with_what_helps():
    schedule = ScheduleSettings(cron="0 3 * * *", time_zone="Europe/Berlin")
    with pytest.raises(ValueError, match="Write it in UTC, or have the cluster read Europe/Berlin") as raised:
        schedule.trigger(NOW)
    assert "cronScheduleTimezone: Europe/Berlin in the ConfigMap pipeline-install-config" in str(raised.value)
    there = ScheduleSettings(cron="0 3 * * *", time_zone="Europe/Berlin", cluster_time_zone="Europe/Berlin")
    assert there.trigger(NOW) == {"cron_expression": "0 0 3 * * *"}


@pytest.mark.parametrize("times", [{}, {"cron": "0 3 * * *", "interval": "6h"}])
def test_either_cron_or_interval(times):
    with pytest.raises(ValueError, match="either --cron or --interval"):
        ScheduleSettings(**times).trigger(NOW)


@pytest.mark.parametrize(
    ("override", "key", "code"),
    [
        ("{cron: '0 3 * *'}", ".cron", "config-invalid-value"),
        ("{interval: 6}", ".interval", "config-invalid-value"),
        ("{time_zone: Europe/Atlantis}", ".time_zone", "config-invalid-value"),
        ("{max_concurrency: 11}", ".max_concurrency", "config-invalid-value"),
        ("{start: tomorrow}", ".start", "config-invalid-value"),
        ("{start: 2027-02-01, end: 2027-01-01}", "", "config-invalid-value"),
        ("{crom: '0 3 * * *'}", ".crom", "config-unknown-key"),
    ],
)
def test_an_invalid_schedule_is_refused_when_it_is_loaded(override, key, code):
    with pytest.raises(UserError, match=rf"kubeflow\.schedule{re.escape(key)}: ") as refused:
        load_config(overrides=[f"kubeflow.schedule={override}"])
    assert refused.value.code == code
