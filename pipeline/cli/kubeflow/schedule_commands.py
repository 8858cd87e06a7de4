"""``siamese kubeflow schedule``: runs at set times."""

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from pipeline.cli.kubeflow import options
from pipeline.cli.kubeflow.options import (
    Check,
    ConfigFile,
    Data,
    Experiment,
    Host,
    Image,
    Namespace,
    Parameters,
    Pipeline,
    PipelineRoot,
    ServiceAccount,
)
from pipeline.cli.options import Overrides

app = typer.Typer(help="Runs at set times.", no_args_is_help=True, add_completion=False)

Name = Annotated[str, typer.Argument(help="The schedule's name.")]


@app.command(epilog=options.CREDENTIALS)
def create(
    name: Name,
    pipeline: Pipeline = None,
    config: ConfigFile = None,
    cron: Annotated[str | None, typer.Option(help="Minute, hour, day, month, weekday: '0 3 * * *'.")] = None,
    interval: Annotated[str | None, typer.Option(help="6h, 90m, 1d12h; counted from now, or from --start.")] = None,
    time_zone: Annotated[
        str | None, typer.Option(help="That --cron, --start and --end are written in; default: UTC.")
    ] = None,
    catch_up: Annotated[
        bool | None, typer.Option(help="Run every time that was missed, not the last one alone.")
    ] = None,
    max_concurrency: Annotated[int | None, typer.Option(help="Runs at once, 1 to 10; default: 1.")] = None,
    start: Annotated[str | None, typer.Option(help="2027-01-31, or 2027-01-31T03:00.")] = None,
    end: Annotated[str | None, typer.Option(help="Like --start.")] = None,
    image: Image = None,
    pipeline_root: PipelineRoot = None,
    data: Data = None,
    host: Host = None,
    namespace: Namespace = None,
    experiment: Experiment = None,
    service_account: ServiceAccount = None,
    parameters: Parameters = None,
    check: Check = True,
    overrides: Overrides = None,
) -> None:
    """Deploy a pipeline and run it at set times, in place of what the schedule ran before.

    What is not said here comes from kubeflow.schedule. A paused schedule stays paused.
    """
    loaded, cluster = options.where(config, overrides, host, namespace)
    settings = loaded.kubeflow
    given: dict[str, Any] = {"cron": cron, "interval": interval, "time_zone": time_zone, "start": start, "end": end}
    given |= {"catch_up": catch_up, "max_concurrency": max_concurrency}
    schedule = _merged(settings.schedule, {key: value for key, value in given.items() if value is not None})
    trigger = _trigger(schedule)
    with (
        options.one_line(),
        options.compiled(pipeline, config, data, overrides, check, image=image, pipeline_root=pipeline_root) as file,
    ):
        done = cluster.ask(
            "schedule",
            name=name,
            file=str(file.path.absolute()),
            pipeline=file.name,
            trigger=trigger,
            catch_up=schedule.catch_up,
            max_concurrency=schedule.max_concurrency,
            experiment=experiment or settings.experiment,
            parameters=file.arguments(parameters or ()),
            pipeline_root=pipeline_root or file.pipeline_root or settings.pipeline_root,
            service_account=service_account or settings.service_account,
        )
    _show_created(done, trigger, schedule.cluster_time_zone)


def _show_created(done: Mapping[str, Any], trigger: Mapping[str, Any], zone: str) -> None:
    console = options.stdout()
    how = "unchanged" if done["unchanged"] else "replaced" if done["replaced"] else "made"
    version = f"version {done['version']}" + (", which was there already" if done["reused"] else "")
    console.print(f"schedule {escape(done['name'])} {how}: {escape(_when(trigger, zone))}; {version}", soft_wrap=True)
    if done["paused"]:
        console.print(f"It is paused, as before: siamese kubeflow schedule resume {escape(done['name'])}")
    _show_left(done)


def _show_left(done: Mapping[str, Any]) -> None:
    for sentence in done.get("undeleted", ()):
        options.stderr().print(f"[yellow]warning:[/] an old one is left, {escape(sentence)}; run this once more")


def _when(trigger: Mapping[str, Any], zone: str) -> str:
    if "interval_second" in trigger:
        return f"every {timedelta(seconds=trigger['interval_second'])}"
    return f"{trigger['cron_expression']} ({zone}; seconds first)"


@app.command("list", epilog=options.CREDENTIALS)
def list_command(
    config: ConfigFile = None,
    host: Host = None,
    namespace: Namespace = None,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable, on standard output.")] = False,
    overrides: Overrides = None,
) -> None:
    """What runs at which times, last and next."""
    import json

    loaded, cluster = options.where(config, overrides, host, namespace)
    zone = loaded.kubeflow.schedule.cluster_time_zone
    with options.one_line():
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
            options.told(_time(one["next"])),
            options.told(_time(last.get("scheduled") or last.get("created"))),
            str(last.get("state") or "").lower(),
            escape(one["version"] or "-"),
        )
    options.stdout().print(table)


def next_run(one: Mapping[str, Any], zone: str, now: datetime) -> datetime | None:
    """The next time that a schedule names; a run that is late comes before it."""
    from pipeline.config.cron import next_time, parse_cron

    if not one["enabled"]:
        return None
    start, end = _time(one["start"]), _time(one["end"])
    if one["cron"]:
        try:
            found = next_time(parse_cron(one["cron"]), max(now, start or now), zone)
        except ValueError:  # made by others, as only the backend reads it
            return None
    else:
        step = timedelta(seconds=one["interval"] or 1)
        since = _time((one["last"] or {}).get("scheduled")) or start or _time(one["created"]) or now
        found = since if since > now else since + ((now - since) // step + 1) * step
    return None if found is None or (end and found > end) else found


def _time(text: str | None) -> datetime | None:
    found = datetime.fromisoformat(text) if text else None
    return found.replace(tzinfo=timezone.utc) if found and not found.tzinfo else found


@app.command(epilog=options.CREDENTIALS)
def pause(
    name: Name, config: ConfigFile = None, host: Host = None, namespace: Namespace = None, overrides: Overrides = None
) -> None:
    """Start no more runs; those that run go on."""
    _change("pause", name, config, host, namespace, overrides)


@app.command(epilog=options.CREDENTIALS)
def resume(
    name: Name, config: ConfigFile = None, host: Host = None, namespace: Namespace = None, overrides: Overrides = None
) -> None:
    """Start runs again: the backend makes up for the last time that was missed, with --catch-up for all."""
    _change("resume", name, config, host, namespace, overrides)


@app.command(epilog=options.CREDENTIALS)
def delete(
    name: Name, config: ConfigFile = None, host: Host = None, namespace: Namespace = None, overrides: Overrides = None
) -> None:
    """Take the schedule away; its runs stay to be seen."""
    _change("delete", name, config, host, namespace, overrides)


def _change(
    operation: str, name: str, config: Any, host: str | None, namespace: str | None, overrides: list[str] | None
) -> None:
    _, cluster = options.where(config, overrides, host, namespace)
    with options.one_line():
        done = cluster.ask(operation, name=name)
    word = {"pause": "paused", "resume": "resumed", "delete": "deleted"}[operation]
    options.stdout().print(f"schedule {escape(name)} {word}", soft_wrap=True)
    _show_left(done)


def _merged(settings: Any, given: dict[str, Any]) -> Any:
    """The settings with what the options say in their place; cron and interval stand for one another."""
    from pydantic import ValidationError

    from models.errors import UserError

    before = settings.model_dump()
    if "cron" in given or "interval" in given:
        before |= {"cron": None, "interval": None}
    try:
        return type(settings).model_validate({**before, **given})
    except ValidationError as error:
        first = error.errors()[0]
        option = "--" + str(first["loc"][0]).replace("_", "-") + ": " if first["loc"] else ""
        raise UserError(option + first["msg"].removeprefix("Value error, ")) from None


def _trigger(schedule: Any) -> dict[str, Any]:
    from models.errors import UserError

    try:
        return dict(schedule.trigger(datetime.now(timezone.utc)))
    except ValueError as error:
        raise UserError(str(error)) from None
