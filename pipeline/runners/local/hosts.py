"""Several hosts that train together: what a run tells the others, and the command that they call."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from components.run_outcome.summary import RunSummary
from models.errors import ExitCode, UserError
from models.settings import EncoderSettings
from models.training.hosts.chief import announced
from models.training.hosts.cluster import Hosts, hosts
from models.training.hosts.process import Ended
from models.training.hosts.rendezvous import ChiefMessage
from models.training.hosts.worker import Worker
from pipeline.config.configuration import Config, code_digest
from pipeline.environment.native_libraries import prepare_native_libraries
from pipeline.environment.pretrained import weights_digest
from pipeline.terminal.stages import Stages

progress = logging.getLogger("siamese.progress")


def place_of_hosts(output: Path) -> Path:
    """Where the hosts find each other."""
    return output / "hosts"


def check_first_host(config: Config, output: Path) -> None:
    """Refuses a run that several hosts cannot share, before anything has run.

    Raises:
      UserError: ``TF_CONFIG`` cannot be read or names another host than the first, or trials are asked for.
    """
    here = hosts()
    if not here.chief:
        raise UserError(
            f"TF_CONFIG: this is host {here.number} of {here.count}, and the first alone runs the pipeline; "
            f"here: siamese join --output {output}"
        )
    if here.count > 1 and config.search:
        raise UserError("TF_CONFIG: trials run on one host; tune without it, or set tuner.trials to 0")


@contextmanager
def told_to_other_hosts(output: Path, run_id: str) -> Iterator[Callable[[RunSummary], None]]:
    """Tells those that wait of a run, and by what it yields how the run ended; nothing where this host is alone."""
    with ExitStack() as stack:
        ends = stack.enter_context(announced(place_of_hosts(output), run_id)) if hosts().count > 1 else []
        yield lambda summary: ends.append(_end(summary))


def _end(summary: RunSummary) -> Ended:
    """What a run that came to no training means to a host that waited for it."""
    failed = summary.exit_code in (ExitCode.FAILED, ExitCode.USER_ERROR)
    return Ended(summary.exit_code if failed else 0, summary.error or summary.skipped or "nothing had to be trained")


def join(output: Path) -> int:
    """Waits for the training of a run under ``output``, and trains with it.

    Returns:
      The exit code: 0 trained, or there was nothing to train; 1 the training, or the run before it, failed.

    Raises:
      UserError: there is no first host to join, or the input is wrong, here or there.
    """
    here = _this_host(output)
    prepare_native_libraries()
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"[bold]host {here.number}[/] of {here.count}, the first is {here.addresses[0]}; {escape(str(output))}"
    )
    stages, host = Stages(console), Worker(place_of_hosts(output), here, _refusal, progress.info)
    try:
        with stages.progress():
            stages.start("first host")
            first = host.admitted()
            stages.finish(failed=bool(first.code))
            ended = _trained(host, first, output, here, stages) if first.state == "training" else _said_by_first(first)
    finally:
        host.leave()
    if ended.code == ExitCode.USER_ERROR:
        raise UserError(ended.reason)
    if ended.code:
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"[bold red]error:[/] {escape(ended.reason)}")
    elif ended.reason:
        console.print(f"run {first.run}: {escape(ended.reason)}")
    return ended.code


def _this_host(output: Path) -> Hosts:
    here = hosts()
    if here.count == 1:
        raise UserError("TF_CONFIG: is not set, or names one host alone; siamese join is for several, as README has it")
    if here.chief:
        raise UserError(f"TF_CONFIG: this is the first host; here: siamese run --output {output}")
    return here


def _trained(host: Worker, first: ChiefMessage, output: Path, here: Hosts, stages: Stages) -> Ended:
    stages.start("Trainer")
    log = output / "runs" / first.run / f"log.host-{here.number}.txt"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as file:
        ended = host.train(first, file)
    stages.finish(failed=bool(ended.code))
    return ended


def _said_by_first(first: ChiefMessage) -> Ended:
    return Ended(first.code, f"the first host: {first.reason}" if first.code else first.reason)


def _refusal(arguments: Mapping[str, Any]) -> str | None:
    """Why this host would not train what the first one does; None where it would."""
    config = arguments["custom_config"]
    if config["code_digest"] != code_digest("models"):
        return "its code, or a library of it, is not the first host's; let all hosts have the same"
    encoder = EncoderSettings.model_validate(config["model"]["encoder"])
    if config["weights_digest"] != weights_digest(encoder):
        return f"encoder.weights: {encoder.pretrained}: is missing here, or is not the first host's file"
    return None
