"""``siamese kubeflow schedule``: recurring runs."""

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from models.errors import UserError
from pipeline.cli.app import AsJson
from pipeline.cli.kubeflow.app import Server, Submission, app, cluster_command, stderr, stdout

if TYPE_CHECKING:
    from pipeline.config.kubeflow_client import ScheduleSettings

group = typer.Typer(help="Recurring runs.", no_args_is_help=True, add_completion=False)
app.add_typer(group, name="schedule")

Name = Annotated[str, typer.Argument(help="Name of the schedule.")]


@cluster_command(group)
def create(
    name: Name,
    options: Submission,
    cron: Annotated[
        str | None, typer.Option(help="Cron expression: minute, hour, day, month, weekday, as in '0 3 * * *'.")
    ] = None,
    interval: Annotated[
        str | None, typer.Option(help="Interval: 6h, 90m, 1d12h; counted from now, or from --start.")
    ] = None,
    time_zone: Annotated[str | None, typer.Option(help="Time zone of --cron, --start and --end; default: UTC.")] = None,
    catch_up: Annotated[
        bool | None, typer.Option(help="Make up for every missed run, not for the last one alone.")
    ] = None,
    max_concurrency: Annotated[int | None, typer.Option(help="Concurrent runs, 1 to 10; default: 1.")] = None,
    start: Annotated[str | None, typer.Option(help="Start: 2027-01-31, or 2027-01-31T03:00.")] = None,
    end: Annotated[str | None, typer.Option(help="End, written as --start.")] = None,
) -> None:
    """Upload a pipeline and run it on a schedule, in place of what the schedule ran before.

    Defaults of the options are in kubeflow.schedule. A paused schedule stays paused.
    """
    loaded, cluster = options.target()
    chosen: dict[str, Any] = {"cron": cron, "interval": interval, "time_zone": time_zone, "start": start, "end": end}
    chosen |= {"catch_up": catch_up, "max_concurrency": max_concurrency}
    schedule = _merged(loaded.kubeflow.schedule, {key: value for key, value in chosen.items() if value is not None})
    try:
        trigger = schedule.trigger(datetime.now(timezone.utc))
    except ValueError as error:
        raise UserError(str(error), code="kubeflow-invalid-schedule") from None
    with options.compiled() as file:
        done = cluster.ask(
            "schedule",
            name=name,
            pipeline=file.name,
            trigger=trigger,
            catch_up=schedule.catch_up,
            max_concurrency=schedule.max_concurrency,
            **options.request(file, loaded.kubeflow),
        )
    when = f"{trigger.get('cron_expression')} ({schedule.cluster_time_zone}; seconds first)"
    if "interval_second" in trigger:
        when = f"every {timedelta(seconds=int(trigger['interval_second']))}"
    _show_created(done, when)


def _show_created(done: Mapping[str, Any], when: str) -> None:
    console = stdout()
    how = "unchanged" if done["unchanged"] else "replaced" if done["replaced"] else "created"
    version = f"version {done['version']}" + (", uploaded before" if done["reused"] else "")
    console.print(f"schedule {escape(done['name'])} {how}: {escape(when)}; {version}", soft_wrap=True)
    if done["paused"]:
        console.print(f"It is paused, as before: siamese kubeflow schedule resume {escape(done['name'])}")
    _warn_of_leftovers(done)


def _warn_of_leftovers(done: Mapping[str, Any]) -> None:
    for sentence in done.get("undeleted", ()):
        stderr().print(f"[yellow]warning:[/] an old one remains, {escape(sentence)}; repeat the command")


@cluster_command(group, "list")
def list_command(options: Server, as_json: AsJson = False) -> None:
    """List schedules, with their last and next runs."""
    import json

    loaded, cluster = options.target()
    zone = loaded.kubeflow.schedule.cluster_time_zone
    found = cluster.ask("schedules")["schedules"]
    now = datetime.now(timezone.utc)
    for one in found:
        following = next_run(one, zone, now)
        one["next"] = following.isoformat() if following else None
    if as_json:
        print(json.dumps(found))
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("schedule", "", f"when ({zone})", "next (UTC)", "last (UTC)", "", "version"):
        table.add_column(column, overflow="fold")
    for one in found:
        last = one["last"] or {}
        table.add_row(
            escape(one["name"]),
            "[green]enabled[/]" if one["enabled"] else "[yellow]paused[/]",
            one["cron"] or f"every {timedelta(seconds=one['interval'] or 0)}",
            _minute(_time(one["next"])),
            _minute(_time(last.get("scheduled") or last.get("created"))),
            str(last.get("state") or "").lower(),
            escape(one["version"] or "-"),
        )
    stdout().print(table)


def next_run(one: Mapping[str, Any], zone: str, now: datetime) -> datetime | None:
    """The next time of a schedule after ``now``, without runs that are late; None where it has none."""
    from pipeline.config.cron import next_time, parse_cron

    if not one["enabled"]:
        return None
    start, end = _time(one["start"]), _time(one["end"])
    if one["cron"]:
        try:
            found = next_time(parse_cron(one["cron"]), max(now, start or now), zone)
        except ValueError:  # of another tool, in a form that only the backend reads
            return None
    else:
        step = timedelta(seconds=one["interval"] or 1)
        since = _time((one["last"] or {}).get("scheduled")) or start or _time(one["created"]) or now
        found = since if since > now else since + ((now - since) // step + 1) * step
    return None if found is None or (end and found > end) else found


def _time(text: str | None) -> datetime | None:
    found = datetime.fromisoformat(text) if text else None
    return found.replace(tzinfo=timezone.utc) if found and not found.tzinfo else found


@cluster_command(group)
def pause(name: Name, options: Server) -> None:
    """Start no more runs; runs in progress go on."""
    _change("pause", "paused", name, options)


@cluster_command(group)
def resume(name: Name, options: Server) -> None:
    """Start runs again; the backend makes up for the last missed run, with --catch-up for all."""
    _change("resume", "resumed", name, options)


@cluster_command(group)
def delete(name: Name, options: Server) -> None:
    """Delete the schedule; its runs stay."""
    _change("delete", "deleted", name, options)


def _change(operation: str, result: str, name: str, options: Server) -> None:
    _, cluster = options.target()
    done = cluster.ask(operation, name=name)
    stdout().print(f"schedule {escape(name)} {result}", soft_wrap=True)
    _warn_of_leftovers(done)


def _merged(settings: "ScheduleSettings", options: dict[str, Any]) -> "ScheduleSettings":
    """The settings, overridden by options; cron and interval replace one another."""
    from pydantic import ValidationError

    before = settings.model_dump()
    if "cron" in options or "interval" in options:
        before |= {"cron": None, "interval": None}
    try:
        return type(settings).model_validate({**before, **options})
    except ValidationError as error:
        first = error.errors()[0]
        option = "--" + str(first["loc"][0]).replace("_", "-") + ": " if first["loc"] else ""
        raise UserError(option + first["msg"].removeprefix("Value error, "), code="kubeflow-invalid-schedule") from None


def _minute(time: datetime | None) -> str:
    return time.strftime("%Y-%m-%d %H:%M") if time else "-"
