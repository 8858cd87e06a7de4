"""Large bodies are prepared by a process of their own, which ends with the request.

JSON and base64 are decoded under the interpreter's lock: a second for 60 MB, in which the server would answer nobody.
The process also gives back the memory, and its time and memory are bounded by the operating system.
"""

import contextlib
import json
import os
import pickle
import resource
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

from pipeline.serving.server.admission import Limits, RequestError
from pipeline.serving.server.instances import IMAGE_INPUTS, Prepared, prepare
from pipeline.serving.server.protocol import PredictRequest, parse_predict

_SECONDS = 60
_MEMORY = 4 * 1024**3
_NICENESS = 5
_PROGRAM = f"from {__name__} import main; main()"
_FAILED = f"the body takes more than {_SECONDS} seconds or {_MEMORY // 1024**3} GB to prepare"

Answer = tuple[PredictRequest, Prepared]


def prepare_apart(
    body: bytes | bytearray, inputs: Mapping[str, Sequence[str]], limits: Limits, refused: Callable[[str], None]
) -> Answer:
    """The request in a body, and its rows with their images normalised.

    Args:
      body: of a predict request.
      inputs: of each signature.
      limits: of the server.
      refused: called with the kind of error of an image that is refused.

    Raises:
      RequestError: 4xx; names the instance.
    """
    program = f"import sys; sys.path[:] = {sys.path}; {_PROGRAM}"
    command = [sys.executable, "-W", "ignore", "-c", program, json.dumps(dict(inputs)), json.dumps(asdict(limits))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None  # noqa: S101 - for the type checker
        assert process.stdout is not None  # noqa: S101
        guard = threading.Timer(_SECONDS, process.kill)
        guard.start()
        try:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(body)
                process.stdin.close()
            found = process.stdout.read()
        finally:
            guard.cancel()
    if process.returncode:
        raise RequestError(413, _FAILED)
    answer, reasons = pickle.loads(found)  # noqa: S301 - of our own process
    for reason in reasons:
        refused(reason)
    if isinstance(answer, RequestError):
        raise answer
    prepared: Answer = answer
    return prepared


def _prepared(
    body: bytes | bytearray, inputs: Mapping[str, Sequence[str]], limits: Limits
) -> tuple[Answer | RequestError, list[str]]:
    reasons: list[str] = []
    try:
        request = parse_predict(body, inputs, limits)
        if request.signature not in IMAGE_INPUTS:
            return (request, Prepared([], [])), reasons
        prepared = prepare(request, limits, reasons.append)
    except RequestError as error:
        return error, reasons
    return (request._replace(rows=[]), prepared), reasons


def main() -> None:
    """Reads a body from the standard input and writes the answer to the standard output."""
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS + 5))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    os.nice(_NICENESS)
    inputs, limits = map(json.loads, sys.argv[1:])
    pickle.dump(_prepared(sys.stdin.buffer.read(), inputs, Limits(**limits)), sys.stdout.buffer)
