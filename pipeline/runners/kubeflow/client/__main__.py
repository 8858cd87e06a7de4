"""``python -m pipeline.runners.kubeflow.client``: one request in, events and one answer out.

The request is a JSON object on standard input: ``operation``, ``connection`` and the operation's own arguments. Every
line of standard output is a JSON object: events as they happen ({"event": ...}), and last either {"result": ...} or
{"error": one sentence, "mend": whether it is the user's to mend}.
"""

import json
import os
import sys
import warnings
from collections.abc import Callable
from typing import Any

Say = Callable[[dict[str, Any]], None]


def main() -> int:
    """Answers the request on standard input."""
    warnings.simplefilter("ignore")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # the SDK prints; only what is said here is an answer

    def say(line: dict[str, Any]) -> None:
        answers.write(json.dumps(line, default=str) + "\n")
        answers.flush()

    return answer(json.load(sys.stdin), say)


def answer(request: dict[str, Any], say: Say) -> int:
    """Carries the request out; whatever happens, the last line says how it ended."""
    from pipeline.runners.kubeflow.client.failures import told  # a second or two: the SDK

    address = request["connection"].get("host") or ""
    try:
        from pipeline.runners.kubeflow.client import runs, schedules
        from pipeline.runners.kubeflow.client.connection import connect

        operations = {**runs.OPERATIONS, **schedules.OPERATIONS}
        client = connect(**request["connection"])
        address = client.address
        say({"result": operations[request["operation"]](client, request, say)})
    except Exception as error:  # noqa: BLE001 - whatever was raised is told in a sentence
        sentence, mend = told(error, address)
        say({"error": sentence, "mend": mend})
        return 2 if mend else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
