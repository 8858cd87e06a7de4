"""TensorFlow Serving's predict requests: from a body to rows of bytes.

Row format (``instances``) and columnar (``inputs``), as https://www.tensorflow.org/tfx/serving/api_rest has them. Every
input of this pipeline's signatures is a list of strings, so a value is a JSON string or ``{"b64": ...}``.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pipeline.serving.server.errors import RequestError, bad_request
from pipeline.serving.server.limits import Limits

DEFAULT_SIGNATURE = "serving_default"
_SHOWN = 40


class PredictRequest(NamedTuple):
    """What a body asks for.

    Attributes:
      signature: its name.
      inputs: names of the signature's inputs.
      rows: one instance each, a value for each of ``inputs``.
      columnar: whether the answer is to be ``outputs`` rather than ``predictions``.
    """

    signature: str
    inputs: tuple[str, ...]
    rows: list[tuple[bytes, ...]]
    columnar: bool

    def place(self, row: int, column: int) -> str:
        """How to call a value in a message."""
        name = self.inputs[column]
        if self.columnar:
            return f"value {row} of input {name!r}" if len(self.inputs) > 1 else f"value {row} of 'inputs'"
        return f"instance {row}, {name}" if len(self.inputs) > 1 else f"instance {row}"


def parse_predict(body: bytes, signatures: Mapping[str, Sequence[str]], limits: Limits) -> PredictRequest:
    """Reads a body.

    Args:
      body: JSON in UTF-8.
      signatures: the inputs of each signature that there is.
      limits: of the number of instances and of JSON values.

    Raises:
      RequestError: 400 or 413; says which instance and why.
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


def parse_json(body: bytes, limits: Limits) -> dict[str, Any]:
    """A body that is a JSON object.

    Raises:
      RequestError: 400 or 413.
    """
    values = sum(body.count(sign) for sign in (b",", b"[", b"{"))
    if values > limits.max_json_values:
        raise RequestError(413, f"the body holds too many JSON values: {values} > {limits.max_json_values}")
    try:
        document = json.loads(body)
    except RecursionError:
        raise bad_request("JSON Parse error: nested too deeply") from None
    except UnicodeDecodeError:
        raise bad_request("JSON Parse error: not in UTF-8") from None
    except ValueError as error:
        raise bad_request(
            f"JSON Parse error: {error}" if body.strip() else "JSON Parse error: the body is empty"
        ) from None
    if not isinstance(document, dict):
        raise bad_request(f"the body must be a JSON object, not {_kind(document)}")
    return document


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


def _rows_of_columns(given: Any, inputs: tuple[str, ...], limits: Limits) -> list[tuple[bytes, ...]]:
    if not isinstance(given, dict) or _is_b64(given):
        if len(inputs) > 1:
            raise bad_request(f"'inputs' must be an object with the keys {', '.join(inputs)}, not {_kind(given)}")
        given = {inputs[0]: given}
    columns = []
    for name in inputs:
        if name not in given:
            raise bad_request(f"Missing named input: {name} in 'inputs' object")
        _check_list(given[name], f"input {name!r}", limits)
        columns.append([_bytes_of(value, f"value {n} of input {name!r}") for n, value in enumerate(given[name])])
    lengths = {name: len(column) for name, column in zip(inputs, columns, strict=True)}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise bad_request(f"the inputs must have the same number of values: {told}")
    return list(zip(*columns, strict=True))


def _check_list(values: Any, what: str, limits: Limits) -> None:
    if not isinstance(values, list):
        raise bad_request(f"{what} must be a list, not {_kind(values)}")
    if not values:
        raise bad_request(f"{what} holds no values")
    if len(values) > limits.max_instances:
        raise RequestError(413, f"{what} holds too many values: {len(values)} > {limits.max_instances}")


def _bytes_of(value: Any, place: str) -> bytes:
    try:
        if isinstance(value, str):
            return value.encode()
        if _is_b64(value):
            return decode_b64(value["b64"])
    except UnicodeEncodeError:
        raise bad_request(f"{place}: half of a surrogate pair is no text") from None
    except ValueError:
        raise bad_request(f"{place}: not formatted correctly for base64 data") from None
    raise bad_request(f'{place} must be a string or {{"b64": <base64>}}, not {_kind(value)}')


def decode_b64(text: str) -> bytes:
    """Base64 to bytes, as TensorFlow Serving takes it: white space is skipped, padding is optional.

    Raises:
      ValueError: anything else is in it.
    """
    if any(space in text for space in " \n\r\t"):
        text = "".join(text.split())
    text = text.rstrip("=")
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


def _is_b64(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str)


def _kind(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    names = {str: "a string", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return names[type(value)]
