"""TensorFlow Serving's JSON answers."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]


def prediction_json(rows: Sequence[Row], columnar: bool) -> bytes:
    """Answers of the instances: ``predictions`` by row or ``outputs`` by column; one output goes without its name."""
    names = list(rows[0])
    if len(names) == 1:
        answer: Any = [row[names[0]] for row in rows]
    elif columnar:
        answer = {name: [row[name] for row in rows] for name in names}
    else:
        answer = rows
    return json.dumps({"outputs" if columnar else "predictions": answer}, separators=(",", ":")).encode()


def status_json(states: Sequence[tuple[int, str, str]]) -> dict[str, Any]:
    """Versions as (number, state, fault): what GetModelStatusResponse is in JSON."""
    return {
        "model_version_status": [
            {
                "version": str(number),
                "state": state,
                "status": {"error_code": "UNKNOWN" if fault else "OK", "error_message": fault},
            }
            for number, state, fault in states
        ]
    }


def metadata_json(name: str, version: int, signature_def: Mapping[str, Any]) -> dict[str, Any]:
    """What GetModelMetadataResponse is in JSON."""
    return {
        "model_spec": {"name": name, "signature_name": "", "version": str(version)},
        "metadata": {"signature_def": {"signature_def": signature_def}},
    }
