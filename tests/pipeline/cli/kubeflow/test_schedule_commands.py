"""``siamese kubeflow schedule`` as its users call it, against a server on this machine."""

import json
import os
import re
import signal
import subprocess
import sys
from datetime import datetime, timezone

import kfp_api
import pytest

from pipeline.cli.kubeflow.schedule import next_run


def test_from_creation_to_deletion(siamese, server, pipeline_file):
    at = ("--cron", "0 3 * * 1-5", "--time-zone", "Asia/Kolkata", "--max-concurrency", 2, "--start", "2027-01-01")
    code, out, err = siamese("schedule", "create", "nightly", pipeline_file(), *at, "--catch-up")
    assert (code, err) == (0, "")
    assert re.fullmatch(
        r"schedule nightly created: 0 30 21 \* \* 0,1,2,3,4 \(UTC; seconds first\); version faces-\w{12}\n", out
    )
    (made,) = server.set()["recurring"]
    assert made["trigger"]["cron_schedule"] == {"cron": "0 30 21 * * 0,1,2,3,4", "start_time": "2026-12-31T18:30:00Z"}
    assert (made["max_concurrency"], made["no_catchup"]) == (2, False)

    code, out, _ = siamese("schedule", "create", "nightly", pipeline_file("2"), "--interval", "6h")
    assert re.fullmatch(r"schedule nightly replaced: every 6:00:00; version faces-\w{12}\n", out)

    assert siamese("schedule", "pause", "nightly")[:2] == (0, "schedule nightly paused\n")
    code, out, _ = siamese("schedule", "list", "--json")
    (one,) = json.loads(out)
    assert (one["name"], one["enabled"], one["interval"], one["next"]) == ("nightly", False, 21_600, None)
    assert siamese("schedule", "resume", "nightly")[:2] == (0, "schedule nightly resumed\n")
    code, out, _ = siamese("schedule", "list")
    heading, row = (line.split() for line in out.splitlines())
    assert heading == ["schedule", "when", "(UTC)", "next", "(UTC)", "last", "(UTC)", "version"]
    assert row[:4] == ["nightly", "enabled", "every", "6:00:00"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", row[4])
    assert siamese("schedule", "delete", "nightly")[:2] == (0, "schedule nightly deleted\n")
    assert server.schedules() == []


def test_the_configuration_has_the_defaults_of_the_options(siamese, server, pipeline_file, tmp_path):
    config = tmp_path / "faces.yaml"
    config.write_text(
        "kubeflow:\n"
        "  experiment: nightly\n"
        "  namespace: vision\n"
        "  schedule: {interval: 6h, max_concurrency: 3, time_zone: Europe/Berlin, cluster_time_zone: Europe/Berlin}\n"
    )
    server.set(multi_user=True)
    code, _, err = siamese("schedule", "create", "faces", pipeline_file(), "--config", config, "--cron", "0 3 * * *")
    assert (code, err) == (0, "")
    (made,) = server.set()["recurring"]
    assert made["trigger"] == {"cron_schedule": {"cron": "0 0 3 * * *"}}, "an option replaces either"
    assert made["max_concurrency"] == 3
    (experiment,) = server.set()["experiments"]
    assert (experiment["display_name"], experiment["namespace"]) == ("nightly", "vision")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((), "either --cron or --interval"),
        (("--cron", "0 3 * *"), "--cron: "),
        (("--interval", "6"), "--interval: "),
        (("--cron", "0 3 * * *", "--time-zone", "Europe/Berlin"), "Europe/Berlin is 1 h and 2 h ahead of UTC"),
        (("--interval", "6h", "--time-zone", "Mars"), "--time-zone: "),
        (("--interval", "6h", "--start", "soon"), "--start: "),
        (("--interval", "6h", "--max-concurrency", 0), "--max-concurrency: "),
        (("--interval", "6h", "--start", "2027-01-02", "--end", "2027-01-01"), "start 2027-01-02"),
    ],
)
def test_an_invalid_time_is_refused_before_any_request(siamese, server, pipeline_file, arguments, why):
    code, out, err = siamese("schedule", "create", "nightly", pipeline_file(), *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {why}"), err
    assert err.endswith(" [kubeflow-invalid-schedule]\n")
    assert err.count("\n") == 1
    assert server.calls() == []


def test_ctrl_c_waits_until_nothing_is_half_done(siamese, server, pipeline_file, tmp_path):
    siamese("schedule", "create", "nightly", pipeline_file(), "--interval", "6h")
    server.set(rules=[{"call": ".*:disable", "do": "hold", "times": 1}])
    command = [sys.executable, "-m", "pipeline", "kubeflow", "schedule", "create", "nightly", pipeline_file("2")]
    process = subprocess.Popen(
        [*command, "--interval", "6h", "--host", server.address],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "HOME": str(tmp_path), "COLUMNS": "200"},
        cwd=kfp_api.ROOT,
        start_new_session=True,
    )
    server.set(wait_held=True)
    os.killpg(process.pid, signal.SIGINT)
    server.set(release=True)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "interrupted; repeat the command to complete what it began\n")
    assert server.schedules() == [("nightly", True)]
    assert siamese("schedule", "create", "nightly", pipeline_file("2"), "--interval", "6h")[1].startswith(
        "schedule nightly unchanged"
    )


NOW = datetime(2026, 11, 23, 8, tzinfo=timezone.utc)
NIGHTLY = {"enabled": True, "cron": "0 0 3 * * *", "interval": None, "start": None, "end": None, "last": None}
OFTEN = {**NIGHTLY, "cron": None, "interval": 21_600, "created": "2026-11-22T01:00:00+00:00"}


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (NIGHTLY, "2026-11-24T03:00"),
        ({**NIGHTLY, "enabled": False}, None),
        ({**NIGHTLY, "start": "2027-01-01T12:00:00+00:00"}, "2027-01-02T03:00"),
        ({**NIGHTLY, "end": "2026-11-24T00:00:00+00:00"}, None),
        ({**NIGHTLY, "cron": "@every 1h"}, None),  # made by others, as only the backend reads it
        (OFTEN, "2026-11-23T13:00"),  # counted from its making
        ({**OFTEN, "start": "2026-11-23T00:30:00+00:00"}, "2026-11-23T12:30"),
        ({**OFTEN, "start": "2026-11-25T00:30:00+00:00"}, "2026-11-25T00:30"),
        ({**OFTEN, "last": {"scheduled": "2026-11-23T07:00:00+00:00"}}, "2026-11-23T13:00"),
        ({**OFTEN, "last": {"scheduled": "2026-11-23T05:00:00"}}, "2026-11-23T11:00"),
    ],
)
def test_the_next_run_is_the_next_time_that_the_schedule_names(schedule, expected):
    found = next_run(schedule, "UTC", NOW)
    assert (found.strftime("%Y-%m-%dT%H:%M") if found else None) == expected
