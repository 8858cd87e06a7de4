"""``python -m pipeline.runners.kubeflow.client``: one request in, events and one answer out.

The request is a JSON object on standard input: ``operation``, ``connection`` and the operation's own arguments. Every
line of standard output is a JSON object: events as they happen ({"event": ...}), and last either {"result": ...} or
{"error": one line, "code": of an error that the user can fix, or null}.
"""

import json
import os
import sys
import warnings
from collections.abc import Callable
from typing import Any


def main() -> int:
    """Answers the request on standard input."""
    warnings.simplefilter("ignore")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # the SDK prints; only these lines are answers

    def say(line: dict[str, Any]) -> None:
        answers.write(json.dumps(line, default=str) + "\n")
        answers.flush()

    return answer(json.load(sys.stdin), say)


def answer(request: dict[str, Any], say: Callable[[dict[str, Any]], None]) -> int:
    """Carries out the request; the last line is always its result or its error."""
    from pipeline.runners.kubeflow.client.connection import connect, explain  # a second or two: the SDK

    address = request["connection"].get("host") or ""
    try:
        from pipeline.runners.kubeflow.client import runs, schedules

        operations = {**runs.OPERATIONS, **schedules.OPERATIONS}
        client = connect(**request["connection"])
        address = client.address
        say({"result": operations[request["operation"]](client, request, say)})
    except Exception as error:  # noqa: BLE001 - every failure is reported in one line
        message, code = explain(error, address)
        say({"error": message, "code": code})
        return 2 if code else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
