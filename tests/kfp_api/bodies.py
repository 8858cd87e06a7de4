"""What a request's body must be, as the models of ``kfp_server_api`` have it. Runs in ``.venv-kubeflow``."""

import re
from datetime import datetime
from typing import Any

from kfp_server_api import models


class Bad(Exception):
    """A request that the server refuses: the status and why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


def checked(body: Any, model: str, where: str = "") -> Any:
    """The body, if every field is one of the model's and of its type."""
    if not isinstance(body, dict):
        raise Bad(400, f"{where or model}: must be an object")
    kind = getattr(models, model)
    names = {json_name: name for name, json_name in kind.attribute_map.items()}
    for key, value in body.items():
        if key not in names:
            raise Bad(400, f"unknown field {where}{key}")
        _check(value, kind.openapi_types[names[key]], f"{where}{key}.")
    return body


def _check(value: Any, kind: str, where: str) -> None:
    if match := re.fullmatch(r"list\[(.*)\]", kind):
        fits = isinstance(value, list)
        for n, item in enumerate(value if fits else ()):
            _check(item, match[1], f"{where}{n}.")
    elif match := re.fullmatch(r"dict\(str, (.*)\)", kind):
        fits = isinstance(value, dict)
        for key, item in (value if fits else {}).items():
            _check(item, match[1], f"{where}{key}.")
    elif kind == "datetime":
        fits = isinstance(value, str) and bool(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", value))
        fits = fits and bool(datetime.fromisoformat(value[:19]))
    elif kind == "str":  # int64 is a string, and protobuf's JSON takes a number for one as well
        fits = isinstance(value, (str, int)) and not isinstance(value, bool)
    elif kind in ("int", "bool", "float"):
        fits = type(value).__name__ == kind
    elif kind == "object":
        fits = True
    else:
        model = getattr(models, kind)
        allowed = getattr(model, "allowable_values", None)
        if allowed is None:
            checked(value, kind, where)
        fits = allowed is None or value in allowed
    if not fits:
        raise Bad(400, f"{where.rstrip('.')}: {value!r} is no {kind}")


_BOUNDS = ((0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_NAMES = re.compile(r"(?i)\b(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|sun|mon|tue|wed|thu|fri|sat)\b")


def check_cron(text: str) -> None:
    """As ``cron.Parse`` of github.com/robfig/cron 1.2 does: seconds first, the last field optional, no time zones."""
    fields = text.split()
    if len(fields) not in (5, 6):
        raise Bad(400, f"Schedule cron is not a supported format: Expected 5 to 6 fields, found {len(fields)}: {text}")
    for field, (low, high) in zip(fields, _BOUNDS, strict=False):
        for item in field.split(","):
            bounds, _, step = item.partition("/")
            ends = [_NAMES.sub(str(low), end) for end in bounds.split("-")]
            numbers = [int(end) for end in ends if end.isdecimal()]
            known = bounds in ("*", "?") or len(numbers) == len(ends) <= 2
            if not known or (step and not step.isdecimal()) or any(not low <= n <= high for n in numbers):
                raise Bad(400, f"Schedule cron is not a supported format: {text}")
