"""``python -m pipeline.runners.kubeflow.entrypoint``: the command of every container.

Exit codes are those of ``models.errors.ExitCode``: 0 the node finished; 2 the user's input is wrong; 3 a gate refused
the model, if that is to fail the run; 143 SIGTERM; 1 anything else. The last line of the log has the reason.
"""

import argparse
import json
import os
import resource
import signal
import sys
import traceback
import warnings
from types import FrameType
from typing import NoReturn

from components.run_outcome.verdict import Outcome, cause_of
from models.errors import ExitCode, GateRefusal, RejectedData, Terminated
from models.library_environment import check_docstrings, loading, prepare_native_libraries
from pipeline.runners.kubeflow.entrypoint.alerts import alert, record_attempt
from pipeline.runners.kubeflow.entrypoint.events import Events
from pipeline.runners.kubeflow.entrypoint.refusals import record_refusal, refusal_before

_TERMINATED = "terminated (SIGTERM): the run was stopped, the node drained, or its time limit passed"


def main(argv: list[str] | None = None) -> int:
    """Runs the node that the arguments describe; the last line of the log has the outcome."""
    arguments, beam_args = _parse(argv)
    events = Events(arguments.node)
    prepare_native_libraries()
    warnings.simplefilter("ignore")
    events.listen()
    signal.signal(signal.SIGTERM, _terminate)
    events.say("started", executor=arguments.executor_class_path)
    if refusal := refusal_before(arguments.node, arguments.json_serialized_invocation_args):
        about = {key: refusal.get(key) for key in ("reason", "error_code", "gates", "settled", "first")}
        events.say(refusal["event"], **about, seconds=events.seconds)
        return ExitCode.REFUSED if refusal["event"] == "refused" else ExitCode.USER_ERROR
    alerts = arguments.alerts, arguments.json_serialized_invocation_args
    record_attempt(arguments.node, *alerts)
    try:
        check_docstrings()
        with loading():
            from pipeline.runners.kubeflow.entrypoint.step import Step, run_step  # seconds

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
        events.say("terminated", reason="SIGTERM", seconds=events.seconds)
        alert(Outcome(run_id="", status="failed", error=_TERMINATED, failed_component=arguments.node), *alerts, events)
        return ExitCode.TERMINATED
    except BaseException as error:  # noqa: BLE001 - the log has it and the pod fails
        outcome = _fail(error, events, arguments.json_serialized_invocation_args)
        alert(outcome, *alerts, events)
        return outcome.exit_code
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    events.say("finished", seconds=events.seconds, peak_memory_mb=round(peak))
    return 0


def _parse(argv: list[str] | None) -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(prog="entrypoint", allow_abbrev=False)
    for name in ("--node", "--executor_class_path", "--json_serialized_invocation_args", "--artifact_types"):
        parser.add_argument(name, required=True)
    parser.add_argument("--json_serialized_inputs_spec_args", default="{}")
    parser.add_argument("--driver")
    parser.add_argument("--alerts", help="FailureAlerts, JSON")
    return parser.parse_known_args(argv)


def _terminate(number: int, _frame: FrameType | None) -> NoReturn:
    raise Terminated(number)


def _fail(error: BaseException, events: Events, executor_input: str) -> Outcome:
    outcome = Outcome.of_error(error, run_id="", failed_component=events.node)
    if outcome.status == "refused":
        said = events.say("refused", reason=str(cause_of(error, GateRefusal)), settled=True, seconds=events.seconds)
        record_refusal(said, executor_input)
        return outcome
    if rejected := cause_of(error, RejectedData):
        events.say("rejected", counts=rejected.counts)
    events.say("traceback", text="".join(traceback.format_exception(error)).rstrip()[-20_000:])
    said = events.say(
        "failed",
        reason=outcome.error,
        error_code=outcome.error_code,
        gates=[gate.model_dump() for gate in outcome.gates],
        settled=outcome.is_settled,
        seconds=events.seconds,
    )
    if outcome.is_settled:
        record_refusal(said, executor_input)
    return outcome


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # past threads of Beam and gRPC, which would keep a failed pod alive
