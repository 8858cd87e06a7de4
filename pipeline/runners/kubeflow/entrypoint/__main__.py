"""``python -m pipeline.runners.kubeflow.entrypoint``: the command of every container.

Exit codes: 0 the node ran to its end; 2 the user's input is wrong; 3 a gate refused the model, where that is to fail
the run; 143 it was told to stop; 1 anything else. The last line of the log says which, in a sentence.
"""

import argparse
import json
import os
import resource
import signal
import sys
import time
import traceback
import warnings
from types import FrameType
from typing import NoReturn

from models.errors import ExitCode
from pipeline.environment.native_libraries import prepare_native_libraries
from pipeline.runners.kubeflow.entrypoint.events import Events


class Terminated(SystemExit):
    """The pod is to go: raised wherever the main thread is, so that what is half done is cleaned up."""


def main(argv: list[str] | None = None) -> int:
    """Runs the node that the arguments describe; whatever happens, one line says it."""
    arguments, beam_args = _parse(argv)
    events = Events(arguments.node)
    _quieten(events)
    signal.signal(signal.SIGTERM, _terminate)
    started = time.monotonic()
    events.say("started", executor=arguments.executor_class_path)
    try:
        from pipeline.runners.kubeflow.entrypoint.step import Step, run_step  # ten seconds

        step = Step(
            node=arguments.node,
            executor_class=arguments.executor_class_path,
            executor_input=arguments.json_serialized_invocation_args,
            inputs_spec=arguments.json_serialized_inputs_spec_args,
            types=json.loads(arguments.artifact_types),
            driver=arguments.driver,
            beam_args=beam_args,
        )
        run_step(step, events)
    except Terminated:
        events.say("terminated", reason="SIGTERM", seconds=_since(started))
        return ExitCode.TERMINATED
    except BaseException as error:  # noqa: BLE001 - whatever was raised, the log tells it and the pod fails
        return _fail(error, events, started)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    events.say("finished", seconds=_since(started), peak_memory_mb=round(peak))
    return 0


def _parse(argv: list[str] | None) -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(prog="entrypoint", allow_abbrev=False)
    for name in ("--node", "--executor_class_path", "--json_serialized_invocation_args", "--artifact_types"):
        parser.add_argument(name, required=True)
    parser.add_argument("--json_serialized_inputs_spec_args", default="{}")
    parser.add_argument("--driver")
    return parser.parse_known_args(argv)


def _quieten(events: Events) -> None:
    prepare_native_libraries()
    warnings.simplefilter("ignore")
    events.listen()


def _terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise Terminated(ExitCode.TERMINATED)


def _fail(error: BaseException, events: Events, started: float) -> int:
    from models.errors import GateRefusal, RejectedData
    from pipeline.runners.local.run import user_error

    if isinstance(error, GateRefusal):
        events.say("refused", reason=str(error), seconds=_since(started))
        return ExitCode.REFUSED
    mine = user_error(error)
    if isinstance(mine, RejectedData):
        events.say("rejected", counts=mine.counts)
    told = "".join(traceback.format_exception(error)).rstrip()
    events.say("traceback", text=told[-20_000:])
    events.say(
        "failed",
        reason=str(mine) if mine else f"{type(error).__name__}: {' '.join(str(error).split())[:1000]}",
        mend="the input or the configuration" if mine else None,
        seconds=_since(started),
    )
    return ExitCode.USER_ERROR if mine else ExitCode.FAILED


def _since(started: float) -> float:
    return round(time.monotonic() - started, 1)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # past threads of Beam and gRPC, which would keep a failed pod alive
