"""TensorFlow Serving's REST in JSON: predict requests, answers and errors.

Row format (``instances``) and columnar (``inputs``), as https://www.tensorflow.org/tfx/serving/api_rest has them. Every
input of this pipeline's signatures is a list of strings, so a value is a JSON string or ``{"b64": ...}``.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pipeline.serving.server.admission import Limits, RequestError, bad_request

DEFAULT_SIGNATURE = "serving_default"
_SHOWN = 40
_AT_A_TIME = 512 * 1024  # characters of base64, so a multiple of four


class PredictRequest(NamedTuple):
    """A predict request.

    Attributes:
      signature: the name of the signature.
      inputs: names of the signature's inputs.
      rows: one instance each, with a value for each of ``inputs``.
      columnar: whether the answer is ``outputs`` rather than ``predictions``.
    """

    signature: str
    inputs: tuple[str, ...]
    rows: list[tuple[bytes, ...]]
    columnar: bool

    def value_name(self, row: int, column: int) -> str:
        """The name of a value in messages."""
        name = self.inputs[column]
        if self.columnar:
            return f"value {row} of input {name!r}" if len(self.inputs) > 1 else f"value {row} of 'inputs'"
        return f"instance {row}, {name}" if len(self.inputs) > 1 else f"instance {row}"


def parse_predict(body: bytes | bytearray, signatures: Mapping[str, Sequence[str]], limits: Limits) -> PredictRequest:
    """Parses the body of a predict request, JSON in UTF-8; ``signatures`` has the inputs of each signature.

    Raises:
      RequestError: 400 or 413; names the instance.
    """
    document = parse_json(body, limits)
    signature = document.get("signature_name", DEFAULT_SIGNATURE) or DEFAULT_SIGNATURE
    if not isinstance(signature, str):
        raise bad_request(f"'signature_name' must be a string, not {_kind(signature)}")
    if signature not in signatures:
        known = ", ".join(sorted(signatures))
        raise bad_request(
            f'Serving signature name: "{signature[:_SHOWN]}" not found in signature def; there are {known}'
        )
    inputs = tuple(sorted(signatures[signature]))
    columnar = "inputs" in document
    if columnar and "instances" in document:
        raise bad_request("expecting only one of 'inputs' or 'instances' to exist")
    if columnar:
        rows = _rows_of_columns(document["inputs"], inputs, limits)
    elif "instances" in document:
        rows = _rows_of_instances(document["instances"], inputs, limits)
    else:
        raise bad_request("Missing 'inputs' or 'instances' key")
    return PredictRequest(signature, inputs, rows, columnar)


def parse_json(body: bytes | bytearray, limits: Limits) -> dict[str, Any]:
    """Parses a body that must be a JSON object.

    Raises:
      RequestError: 400 or 413.
    """
    values = sum(body.count(sign, at, at + _AT_A_TIME) for sign in (b",", b"[", b"{") for at in _steps(len(body)))
    if values > limits.max_json_values:
        raise RequestError(413, f"the body holds too many JSON values: {values} > {limits.max_json_values}")
    try:
        document = json.loads(body)
    except RecursionError:
        raise _no_json("nested too deeply") from None
    except UnicodeDecodeError:
        raise _no_json("not in UTF-8") from None
    except ValueError as error:
        raise _no_json(str(error) if body.strip() else "the body is empty") from None
    if not isinstance(document, dict):
        raise bad_request(f"the body must be a JSON object, not {_kind(document)}")
    return document


def _no_json(why: str) -> RequestError:
    return RequestError(400, f"JSON Parse error: {why}", nonsense=True)


def _rows_of_instances(instances: Any, inputs: tuple[str, ...], limits: Limits) -> list[tuple[bytes, ...]]:
    _check_list(instances, "'instances'", limits)
    wanted = set(inputs)
    named = isinstance(instances[0], dict) and not _is_b64(instances[0])
    if not named and len(inputs) > 1:
        raise bad_request(f"instance 0 must be an object with the keys {', '.join(inputs)}, not {_kind(instances[0])}")
    rows: list[tuple[bytes, ...]] = []
    for number, instance in enumerate(instances):
        if not named:
            rows.append((_bytes_of(instance, f"instance {number}"),))
            continue
        if not isinstance(instance, dict):
            raise bad_request(f"instance {number} must be an object as instance 0 is, not {_kind(instance)}")
        if instance.keys() != wanted:
            found = ", ".join(sorted(str(key)[:_SHOWN] for key in instance)[:8]) or "none"
            raise bad_request(f"instance {number}: its keys must be {', '.join(inputs)}; found {found}")
        rows.append(tuple(_bytes_of(instance[name], f"instance {number}, {name}") for name in inputs))
    return rows


def _rows_of_columns(values: Any, inputs: tuple[str, ...], limits: Limits) -> list[tuple[bytes, ...]]:
    if not isinstance(values, dict) or _is_b64(values):
        if len(inputs) > 1:
            raise bad_request(f"'inputs' must be an object with the keys {', '.join(inputs)}, not {_kind(values)}")
        values = {inputs[0]: values}
    columns = []
    for name in inputs:
        if name not in values:
            raise bad_request(f"Missing named input: {name} in 'inputs' object")
        _check_list(values[name], f"input {name!r}", limits)
        columns.append([_bytes_of(value, f"value {n} of input {name!r}") for n, value in enumerate(values[name])])
    lengths = {name: len(column) for name, column in zip(inputs, columns, strict=True)}
    if len(set(lengths.values())) > 1:
        counts = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise bad_request(f"the inputs must have the same number of values: {counts}")
    return list(zip(*columns, strict=True))


def _check_list(values: Any, what: str, limits: Limits) -> None:
    if not isinstance(values, list):
        raise bad_request(f"{what} must be a list, not {_kind(values)}")
    if not values:
        raise bad_request(f"{what} holds no values")
    if len(values) > limits.max_instances:
        raise RequestError(413, f"{what} holds too many values: {len(values)} > {limits.max_instances}")


def _bytes_of(value: Any, name: str) -> bytes:
    try:
        if isinstance(value, str):
            return value.encode()
        if _is_b64(value):
            return decode_b64(value["b64"])
    except UnicodeEncodeError:
        raise bad_request(f"{name}: half of a surrogate pair is not text") from None
    except ValueError:
        raise bad_request(f"{name}: not formatted correctly for base64 data") from None
    raise bad_request(f'{name} must be a string or {{"b64": <base64>}}, not {_kind(value)}')


def decode_b64(text: str) -> bytes:
    """Base64 to bytes, as TensorFlow Serving decodes it: white space is skipped, padding is optional.

    Raises:
      ValueError: it is not base64.
    """
    if any(space in text for space in " \n\r\t"):
        text = "".join(text.split())
    text = text.rstrip("=")
    if "=" in text:
        raise ValueError("padding within the text")
    text += "=" * (-len(text) % 4)
    return b"".join(base64.b64decode(text[at : at + _AT_A_TIME], validate=True) for at in _steps(len(text)))


def _steps(length: int) -> range:
    """Begins of parts: between two, the interpreter may answer other requests."""
    return range(0, length, _AT_A_TIME)


def _is_b64(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str)


def _kind(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    names = {str: "a string", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return names[type(value)]


def prediction_json(rows: Sequence[Mapping[str, Any]], columnar: bool) -> bytes:
    """The answer to a predict request: ``predictions`` by row or ``outputs`` by column; one output without its name."""
    names = list(rows[0])
    if len(names) == 1:
        answer = _list_json([row[names[0]] for row in rows])
    elif columnar:
        answer = "{" + ",".join(f"{_json(name)}:{_list_json([row[name] for row in rows])}" for name in names) + "}"
    else:
        answer = _list_json(rows)
    return f'{{"{"outputs" if columnar else "predictions"}":{answer}}}'.encode()


def _list_json(values: Sequence[Any]) -> str:
    """Encoded one by one: between two, the interpreter may answer other requests."""
    return "[" + ",".join(map(_json, values)) + "]"


_json = json.JSONEncoder(separators=(",", ":")).encode


def status_json(states: Sequence[tuple[int, str, str]]) -> dict[str, Any]:
    """GetModelStatusResponse in JSON, from (number, state, error) of the versions."""
    return {
        "model_version_status": [
            {
                "version": str(number),
                "state": state,
                "status": {"error_code": "UNKNOWN" if error else "OK", "error_message": error},
            }
            for number, state, error in states
        ]
    }


def metadata_json(name: str, version: int, signature_def: Mapping[str, Any]) -> dict[str, Any]:
    """GetModelMetadataResponse in JSON."""
    return {
        "model_spec": {"name": name, "signature_name": "", "version": str(version)},
        "metadata": {"signature_def": {"signature_def": signature_def}},
    }
