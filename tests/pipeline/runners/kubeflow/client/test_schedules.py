"""Schedules on a server, and their state wherever a replacement is interrupted."""

import json
import os
import signal
import subprocess

import kfp_api
import pytest

CHANGES = "(POST|DELETE) .*/recurringruns.*"


@pytest.fixture
def deploy(ask, pipeline_file):
    """Creates a schedule of a version of the pipeline."""

    def deployed(version="1", name="nightly", **changes):
        request = {
            "name": name,
            "file": str(pipeline_file(version)),
            "pipeline": "faces",
            "trigger": {"cron_expression": "0 0 3 * * *"},
            "catch_up": False,
            "max_concurrency": 1,
            "experiment": "siamese",
            "parameters": {},
            "pipeline_root": "s3://bucket/faces",
            "service_account": None,
        }
        return ask("schedule", **{**request, **changes})

    return deployed


def version_of(server, recurring):
    """The version that a schedule runs, by its image."""
    reference = recurring["pipeline_version_reference"]["pipeline_version_id"]
    spec = next(one for one in server.set()["versions"] if one["pipeline_version_id"] == reference)["pipeline_spec"]
    return spec["pipeline_spec"]["deploymentSpec"]["executors"]["Trainer_executor"]["container"]["image"]


def test_a_schedule_is_what_was_asked_for(deploy, server):
    trigger = {
        "cron_expression": "0 30 2 * * 1-5",
        "start_time": "2027-01-01T00:00:00Z",
        "end_time": "2027-02-01T00:00:00Z",
    }
    changes = {"trigger": trigger, "catch_up": True, "max_concurrency": 3, "service_account": "trainer"}
    code, last = deploy(parameters={"data_root": "/data/new", "ignore_baseline": 7}, **changes)

    assert (code, last["result"]["unchanged"], last["result"]["undeleted"]) == (0, False, [])
    (made,) = server.set()["recurring"]
    assert made["trigger"] == {
        "cron_schedule": {
            "cron": "0 30 2 * * 1-5",
            "start_time": trigger["start_time"],
            "end_time": trigger["end_time"],
        }
    }
    assert made["runtime_config"] == {
        "parameters": {"data_root": "/data/new", "ignore_baseline": 7},
        "pipeline_root": "s3://bucket/faces",
    }
    assert (made["max_concurrency"], made["no_catchup"], made["service_account"]) == (3, False, "trainer")
    assert (made["display_name"], made["mode"]) == ("nightly", "ENABLE")
    assert server.calls("POST", "/recurringruns")[0]["body"]["mode"] == "DISABLE", "it is enabled last"


def test_a_new_version_takes_the_place_of_the_old_one(deploy, server):
    deploy("1")
    deploy("1", name="weekly")
    code, last = deploy("2")
    assert (code, last["result"]["replaced"]) == (0, 1)
    assert server.schedules() == [("weekly", True), ("nightly", True)]
    assert [version_of(server, one) for one in server.set()["recurring"]] == ["image:1", "image:2"]


def test_the_same_command_again_changes_nothing(deploy, server):
    deploy("1")
    before = server.set()["recurring"]
    code, last = deploy("1")
    assert (code, last["result"]["unchanged"], last["result"]["reused"]) == (0, True, True)
    assert server.set()["recurring"] == before
    assert len(server.set()["versions"]) == 1


def test_a_version_that_is_there_is_reused_for_another_time(deploy, server):
    deploy("1")
    code, last = deploy("1", trigger={"interval_second": 3600})
    assert (code, last["result"]["reused"], last["result"]["unchanged"]) == (0, True, False)
    (one,) = server.set()["recurring"]
    assert one["trigger"] == {"periodic_schedule": {"interval_second": 3600}}


def test_a_paused_schedule_stays_paused_until_it_is_resumed(deploy, ask, server):
    deploy("1")
    ask("pause", name="nightly")
    assert deploy("2")[1]["result"]["paused"] is True
    assert server.schedules() == [("nightly", False)]
    assert ask("resume", name="nightly")[0] == 0
    assert server.schedules() == [("nightly", True)]
    assert deploy("3")[1]["result"]["paused"] is False
    assert server.schedules() == [("nightly", True)]


def test_deleted_is_deleted(deploy, ask, server):
    deploy("1")
    deploy("1", name="weekly")
    assert ask("delete", name="nightly")[0] == 0
    assert server.schedules() == [("weekly", True)]


def test_what_could_not_be_deleted_does_not_undo_a_pause(deploy, ask, server):
    deploy("1")
    server.set(rules=[{"call": "DELETE .*", "do": 500}])
    deploy("2")
    server.set(rules=[])
    ask("pause", name="nightly")
    assert deploy("3")[1]["result"]["paused"] is True
    assert server.schedules() == [("nightly", False)]


@pytest.mark.parametrize("operation", ["pause", "resume", "delete"])
def test_an_unknown_name_is_an_error(ask, operation):
    code, last = ask(operation, name="nightly")
    assert (code, last["code"]) == (2, "kubeflow-unknown-schedule")
    assert "nightly" in last["error"]


def test_another_pipelines_schedule_is_not_touched(deploy, server):
    deploy("1")
    code, last = deploy("1", pipeline="signatures")
    assert (code, last["code"]) == (2, "kubeflow-schedule-of-another-pipeline")
    assert server.schedules() == [("nightly", True)]


def test_one_that_cannot_be_made_leaves_the_old_one_alone(deploy, server):
    deploy("1")
    code, last = deploy("2", max_concurrency=11)
    assert (code, last["code"]) == (2, "kubeflow-request-refused")
    assert "at most 10" in last["error"]
    assert server.schedules() == [("nightly", True)]


def test_one_that_cannot_be_deleted_is_a_warning_and_is_deleted_next_time(deploy, server):
    deploy("1")
    server.set(rules=[{"call": "DELETE .*", "do": 500}])
    code, last = deploy("2")
    assert code == 0
    assert "disabled, but not deleted" in last["result"]["undeleted"][0]
    assert server.schedules() == [("nightly", False), ("nightly", True)]
    server.set(rules=[])
    assert deploy("2")[0] == 0
    assert server.schedules() == [("nightly", True)]


def test_one_that_cannot_be_enabled_gives_way_to_the_old_one(deploy, server):
    deploy("1")
    server.set(rules=[{"call": ".*:enable", "do": 500, "times": 1}])
    code, last = deploy("2")
    assert (code, last["code"]) == (1, None)
    assert last["error"].endswith("the old schedule is still active")
    assert server.schedules() == [("nightly", True)]
    assert version_of(server, server.set()["recurring"][0]) == "image:1"


@pytest.mark.parametrize("lost", ["drop", "lose"])  # the request, or the answer alone
@pytest.mark.parametrize("after", range(4))  # made, disabled, enabled, deleted
def test_interrupted_anywhere_at_most_one_is_enabled_and_the_same_command_completes_it(deploy, server, after, lost):
    """From the moment that the server is gone, the client can do no more than a killed one."""
    deploy("1")
    last = {"call": CHANGES, "do": lost, "after": after, "times": 1}
    server.set(rules=[last, {"call": CHANGES, "do": "drop"}])
    deploy("2")
    assert sum(enabled for _, enabled in server.schedules()) <= 1

    server.set(rules=[])
    assert deploy("2")[0] == 0
    assert server.schedules() == [("nightly", True)]
    assert version_of(server, server.set()["recurring"][0]) == "image:2"


@pytest.mark.parametrize("operation", ["pause", "resume", "delete"])
def test_every_command_completes_an_interrupted_one(deploy, ask, server, operation):
    deploy("1")
    server.set(rules=[{"call": "(POST .*able|DELETE .*)", "do": "drop"}])
    deploy("2")
    assert server.schedules() == [("nightly", True), ("nightly", False)]
    server.set(rules=[])
    assert ask(operation, name="nightly")[0] == 0
    expected = {"pause": [False], "resume": [True], "delete": []}[operation]
    assert [enabled for _, enabled in server.schedules()] == expected


def test_two_at_once_do_not_leave_two(deploy, server):
    deploy("1")
    server.set(rules=[{"call": ".*:enable", "do": "twin"}])
    code, last = deploy("2")
    assert (code, "another command replaced it at the same time" in last["error"]) == (1, True)
    assert [enabled for _, enabled in server.schedules()].count(True) == 1


def test_killed_between_disabling_and_enabling(deploy, server, pipeline_file):
    """``kill -9`` of the real process."""
    deploy("1")
    server.set(rules=[{"call": ".*:disable", "do": "hold", "times": 1}])
    request = {
        "operation": "schedule",
        "connection": {"host": server.address, "namespace": None},
        "name": "nightly",
        "file": str(pipeline_file("2")),
        "pipeline": "faces",
        "trigger": {"cron_expression": "0 0 3 * * *"},
        "catch_up": False,
        "max_concurrency": 1,
        "experiment": "siamese",
        "parameters": {},
        "pipeline_root": None,
        "service_account": None,
    }
    process = subprocess.Popen(
        [kfp_api.PYTHON, "-m", "pipeline.runners.kubeflow.client"],
        cwd=kfp_api.ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    process.stdin.write(json.dumps(request))
    process.stdin.close()
    server.set(wait_held=True)
    process.send_signal(signal.SIGINT)  # deferred: Ctrl-C interrupts nothing here
    process.send_signal(signal.SIGTERM)
    assert process.poll() is None
    os.kill(process.pid, signal.SIGKILL)
    process.wait(10)
    process.stdout.close()
    server.set(release=True, rules=[])

    assert server.schedules() == [("nightly", False), ("nightly", False)]
    assert deploy("2")[0] == 0
    assert server.schedules() == [("nightly", True)]


def test_what_there_is_is_listed_with_its_last_run(deploy, ask, server):
    deploy("1")
    deploy("1", name="weekly", trigger={"interval_second": 604_800})
    deploy("1", name="yearly")
    ask("pause", name="weekly")
    found = ask("schedules")[1]["result"]["schedules"]  # three: two pages
    assert [(one["name"], one["enabled"], one["cron"], one["interval"]) for one in found] == [
        ("nightly", True, "0 0 3 * * *", None),
        ("weekly", False, None, 604_800),
        ("yearly", True, "0 0 3 * * *", None),
    ]
    assert found[0]["version"].startswith("faces-")
    assert found[0]["last"] is None

    # The controller starts runs in the schedule's name.
    nightly = next(one for one in server.set()["recurring"] if one["display_name"] == "nightly")
    shared = {key: nightly[key] for key in ("experiment_id", "recurring_run_id", "pipeline_version_reference")}
    for day in ("21", "22"):
        server.post("runs", {**shared, "display_name": f"nightly {day}", "scheduled_at": f"2026-11-{day}T03:00:00Z"})
    server.post("runs", {**shared, "recurring_run_id": "another's", "display_name": "weekly"})
    last = ask("schedules")[1]["result"]["schedules"][0]["last"]
    assert (last["state"], last["scheduled"]) == ("PENDING", "2026-11-22T03:00:00+00:00")


def test_a_version_that_was_deleted_hides_no_schedule(deploy, ask, server):
    deploy("1")
    server.set(rules=[{"call": "GET .*/versions/.*", "do": 404}])
    (one,) = ask("schedules")[1]["result"]["schedules"]
    assert (one["name"], one["version"]) == ("nightly", None)
