"""One version of a model, loaded and warmed up."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from models.data.image_formats import DAMAGED
from models.errors import UserError, first_line
from models.export.inference import LoadedModel, Undecodable
from pipeline.serving.server.admission import Limits, RequestError, bad_request
from pipeline.serving.server.batching import Batcher
from pipeline.serving.server.endpoints import Metrics
from pipeline.serving.server.instances import IMAGE_INPUTS, Prepared, TooCostly, prepare, prepare_examples
from pipeline.serving.server.lanes import Lane
from pipeline.serving.server.large_bodies import prepare_apart
from pipeline.serving.server.protocol import DEFAULT_SIGNATURE, PredictRequest, parse_predict

_WARMUP = Path("assets.extra") / "tf_serving_warmup_requests"


class ServedVersion:
    """A SavedModel of this pipeline that has answered one request through every signature.

    Raises:
      UserError: it cannot serve.
    """

    def __init__(self, number: int, path: Path, limits: Limits, metrics: Metrics) -> None:
        self.number, self._limits, self._metrics = number, limits, metrics
        self.batchers: dict[tuple[str, str], Batcher] = {}  # by signature and lane: they end with the version
        self._model = LoadedModel(path)
        self.manifest = self._model.manifest
        self.signature_def = _signature_def(path)
        self.inputs = {name: _inputs_of(name, function) for name, function in self._model.signatures.items()}
        if DEFAULT_SIGNATURE not in self.inputs:
            raise _unservable(f"{path}: no signature {DEFAULT_SIGNATURE}")
        from tensorflow.core.example.example_pb2 import Example

        self._example = Example
        self._warm_up(path)

    def prepare(self, body: bytes | bytearray, lane: Lane) -> tuple[PredictRequest, Prepared]:
        """A body to rows for the model.

        Raises:
          RequestError: 4xx; names the instance.
          TooCostly: the rows are beyond the bounds of ``lane``.
        """
        if len(body) > self._limits.large_body:
            request, prepared = prepare_apart(body, self.inputs, self._limits, self._metrics.image_refused)
        else:
            request = parse_predict(body, self.inputs, self._limits)
            prepared = prepare(request, self._limits, self._metrics.image_refused, lane.bounds)
        if request.signature == DEFAULT_SIGNATURE:
            prepared = prepare_examples(request, self._example, self._limits)
        if not lane.suits(prepared):
            raise TooCostly
        return request, prepared

    def answer(self, signature: str, rows: Sequence[tuple[bytes, ...]]) -> list[dict[str, Any] | Exception]:
        """The model's outputs for each row, ready for JSON, or an error for each row that it refuses."""
        names = sorted(self.inputs[signature])
        try:
            columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
            outputs = {name: array.tolist() for name, array in self._model.answer(signature, columns).items()}
        except Undecodable as error:
            if len(rows) == 1:
                return [self._refusal(signature, dict(zip(names, rows[0], strict=True)), error)]
            middle = len(rows) // 2
            return [*self.answer(signature, rows[:middle]), *self.answer(signature, rows[middle:])]
        keys = sorted(outputs)
        return [dict(zip(keys, row, strict=True)) for row in zip(*(outputs[key] for key in keys), strict=True)]

    def _refusal(self, signature: str, row: Mapping[str, bytes], error: Undecodable) -> RequestError:
        """TensorFlow's error does not name the image that it cannot decode: each is tried alone."""
        images = [name for name in row if name in IMAGE_INPUTS.get(signature, ())]
        damaged = [name for name in images if np.isnan(self._model.embed([row[name]])).all()]
        if not damaged:
            return bad_request(f"the model refuses it: {error}")
        return bad_request(DAMAGED if len(images) == 1 else f"{' and '.join(damaged)}: {DAMAGED}")

    def _warm_up(self, path: Path) -> None:
        for signature, inputs in _warmup_requests(path):
            if signature not in self.inputs or inputs.keys() != set(self.inputs[signature]):
                raise _unservable(f"{path}: the warm-up file has inputs that signature {signature!r} does not")
            try:
                outputs = self._model.answer(signature, inputs)
            except Exception as error:  # noqa: BLE001 - whatever TensorFlow raises for a damaged graph
                raise _unservable(f"{path}: signature {signature} fails: {first_line(error)}") from None
            for name, array in outputs.items():
                if array.dtype.kind == "f" and not np.isfinite(array).all():
                    raise _unservable(f"{path}: signature {signature} returns {name} = {math.nan}")


def _unservable(message: str) -> UserError:
    return UserError(message, code="model-not-servable")


def _warmup_requests(path: Path) -> list[tuple[str, dict[str, list[bytes]]]]:
    """(signature, inputs) of each recorded request; empty without a warm-up file."""
    if not (path / _WARMUP).is_file():
        return []
    import tensorflow as tf
    from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

    requests = []
    try:
        for record in tf.data.TFRecordDataset(str(path / _WARMUP)).as_numpy_iterator():
            request = PredictionLog.FromString(record).predict_log.request
            inputs = {name: tf.make_ndarray(value).tolist() for name, value in request.inputs.items()}
            requests.append((request.model_spec.signature_name or DEFAULT_SIGNATURE, inputs))
    except Exception as error:  # noqa: BLE001 - DataLossError, DecodeError and others
        raise _unservable(f"{path / _WARMUP}: cannot be read: {first_line(error)}") from None
    return requests


def _inputs_of(signature: str, function: Any) -> tuple[str, ...]:
    specs = function.structured_input_signature[1]
    for name, spec in specs.items():
        if spec.dtype.name != "string" or spec.shape.rank != 1:
            raise _unservable(f"signature {signature}: input {name} is not a list of strings")
    return tuple(sorted(specs))


def _signature_def(path: Path) -> dict[str, Any]:
    """The signatures as GetModelMetadataResponse has them in JSON: every field, with defaults."""
    from tensorflow.core.framework.types_pb2 import DataType
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    def as_json(tensors: Any) -> dict[str, Any]:
        return {
            name: {
                "dtype": DataType.Name(info.dtype),
                "tensor_shape": {
                    "dim": [{"size": str(dim.size), "name": dim.name} for dim in info.tensor_shape.dim],
                    "unknown_rank": info.tensor_shape.unknown_rank,
                },
                "name": info.name,
            }
            for name, info in sorted(tensors.items())
        }

    graph = SavedModel.FromString((path / "saved_model.pb").read_bytes()).meta_graphs[0]
    return {
        name: {
            "inputs": as_json(one.inputs),
            "outputs": as_json(one.outputs),
            "method_name": one.method_name,
            "defaults": {},
        }
        for name, one in sorted(graph.signature_def.items())
    }
