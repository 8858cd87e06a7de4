"""Training on several hosts: what the chief announces to the workers, and the command that workers run."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from components.run_outcome.summary import RunSummary
from models.code_digest import code_digest
from models.errors import ExitCode, UserError
from models.library_environment import prepare_native_libraries
from models.settings import EncoderSettings
from models.training.hosts.chief import announced
from models.training.hosts.cluster import Hosts, hosts
from models.training.hosts.process import Ended
from models.training.hosts.rendezvous import ChiefMessage
from models.training.hosts.worker import Worker
from pipeline.config.configuration import Config
from pipeline.environment.pretrained import weights_digest
from pipeline.runners.local.signals import ending_in_order
from pipeline.terminal import Stages

progress = logging.getLogger("siamese.progress")


def rendezvous_folder(output: Path) -> Path:
    """The folder in which the hosts find each other."""
    return output / "hosts"


def check_chief(config: Config, output: Path) -> None:
    """Checks, before anything has run, that this host may start a run that several hosts train.

    Raises:
      UserError: ``TF_CONFIG`` cannot be read or makes this host a worker, or the configuration has a Tuner.
    """
    here = hosts()
    if not here.chief:
        raise UserError(
            f"TF_CONFIG: this is host {here.number} of {here.count}, and only the chief runs the pipeline; "
            f"on this host: siamese join --output {output}",
            code="train-hosts",
        )
    if here.count > 1 and config.search:
        raise UserError(
            "TF_CONFIG: trials run on one host; tune without TF_CONFIG, or set tuner.trials to 0",
            code="train-hosts-tuner",
        )


@contextmanager
def announced_run(output: Path, run_id: str) -> Iterator[Callable[[RunSummary], None]]:
    """Announces a run to the workers; yields what announces its end. Does nothing where this host is alone."""
    with ExitStack() as stack:
        ends = stack.enter_context(announced(rendezvous_folder(output), run_id)) if hosts().count > 1 else []
        yield lambda summary: ends.append(_end(summary))


def _end(summary: RunSummary) -> Ended:
    """How the workers of a run end that came to no training."""
    interrupted = summary.status == "interrupted"
    failed = interrupted or summary.exit_code in (ExitCode.FAILED, ExitCode.USER_ERROR)
    code = ExitCode.FAILED if interrupted else summary.exit_code if failed else 0
    return Ended(code, summary.error or summary.skipped or "nothing had to be trained")


def join(output: Path) -> int:
    """Waits for the training of a run under ``output``, and takes part in it as a worker.

    Returns:
      The exit code: 0 trained, or there was nothing to train; 1 the training, or the run before it, failed.

    Raises:
      UserError: there is no chief to join, or the input is wrong, on this host or the chief.
    """
    here = _this_host(output)
    prepare_native_libraries()
    console = Console(highlight=False, emoji=False, soft_wrap=True)
    console.print(
        f"[bold]host {here.number}[/] of {here.count}, the chief is {here.addresses[0]}; {escape(str(output))}"
    )
    stages, host = Stages(console), Worker(rendezvous_folder(output), here, _refusal, progress.info)
    try:
        with ending_in_order(), stages.progress():
            stages.start("chief")
            first = host.admitted()
            stages.finish(failed=bool(first.code))
            if first.state == "training":
                ended = _trained(host, first, output, here, stages)
            else:
                ended = Ended(first.code, f"the chief: {first.reason}" if first.code else first.reason)
    finally:
        host.leave()
    if ended.code == ExitCode.USER_ERROR:
        raise UserError(ended.reason, code="train-worker-failed")
    if ended.code:
        Console(stderr=True, highlight=False, emoji=False, soft_wrap=True).print(
            f"[bold red]error:[/] {escape(ended.reason)}"
        )
    elif ended.reason:
        console.print(f"run {first.run}: {escape(ended.reason)}")
    return ended.code


def _this_host(output: Path) -> Hosts:
    here = hosts()
    if here.count == 1:
        raise UserError(
            "TF_CONFIG: is not set, or names one host only; siamese join is for several, see README", code="train-hosts"
        )
    if here.chief:
        raise UserError(
            f"TF_CONFIG: this host is the chief; on this host: siamese run --output {output}", code="train-hosts"
        )
    return here


def _trained(host: Worker, first: ChiefMessage, output: Path, here: Hosts, stages: Stages) -> Ended:
    stages.start("Trainer")
    log = output / "runs" / first.run / f"log.host-{here.number}.txt"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as file:
        ended = host.train(first, file)
    stages.finish(failed=bool(ended.code))
    return ended


def _refusal(arguments: Mapping[str, Any]) -> str | None:
    """Why this host would train another model than the chief; None where it would not."""
    config = arguments["custom_config"]
    if config["code_digest"] != code_digest("models.training.trainer"):
        return "its code, or the version of a library, differs from the chief's; install the same on all hosts"
    encoder = EncoderSettings.model_validate(config["model"]["encoder"])
    try:
        here = weights_digest(encoder, kept=True)
    except UserError as error:
        return str(error)
    if config["weights_digest"] != here:
        return f"encoder.weights: {encoder.pretrained}: is missing on this host, or differs from the chief's file"
    return None
