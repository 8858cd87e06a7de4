"""Requests to the client, one a line, in one process: the SDK takes seconds to import. Runs in ``.venv-kubeflow``."""

import json
import os
import sys

from pipeline.runners.kubeflow.client.__main__ import answer

answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


def say(line):
    answers.write(json.dumps(line, default=str) + "\n")
    answers.flush()


for line in sys.stdin:
    request = json.loads(line)
    os.environ.update(request.pop("environment", {}))
    say({"exit_code": answer(request, say)})
