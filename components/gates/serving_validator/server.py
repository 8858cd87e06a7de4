"""A SavedModel as TensorFlow Serving has it: restored into a session, its signatures, its warm-up requests."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from components.gates.serving_validator.canary_requests import Refused
from models.errors import first_line

Inputs = Mapping[str, Sequence[bytes]]
WARM_UP = Path("assets.extra") / "tf_serving_warmup_requests"
_MOST = 1000  # TensorFlow Serving refuses a warm-up file with more


class Tensor(NamedTuple):
    """A tensor of a signature: the name of its dtype and its lengths, None where any will do; no lengths: any rank."""

    dtype: str
    shape: tuple[int | None, ...] | None

    def __str__(self) -> str:
        lengths = "any shape" if self.shape is None else ["any" if n is None else n for n in self.shape]
        return f"{self.dtype} {lengths}".replace("'", "")


class Signature(NamedTuple):
    """What goes in and what comes out, by name."""

    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]


_STRINGS, _NUMBERS = Tensor("string", (None,)), Tensor("float32", (None,))
_PREDICTED = {"score": _NUMBERS, "distance": _NUMBERS}


def contract(embedding: int) -> dict[str, Signature]:
    """The signatures of a model whose embeddings have this many numbers."""
    return {
        "serving_default": Signature({"examples": _STRINGS}, _PREDICTED),
        "compare": Signature(
            {"image_a": _STRINGS, "image_b": _STRINGS}, {**_PREDICTED, "same": Tensor("bool", (None,))}
        ),
        "embed": Signature({"image": _STRINGS}, {"embedding": Tensor("float32", (None, embedding))}),
    }


def breach(found: Mapping[str, Signature], wanted: Mapping[str, Signature]) -> str | None:
    """The first thing that clients would miss, in a sentence; None where there is none. More signatures are fine."""
    for name, signature in wanted.items():
        if name not in found:
            return f"the signature {name} is missing; there are: {', '.join(sorted(found)) or 'none'}"
        for direction in ("inputs", "outputs"):
            there, promised = getattr(found[name], direction), getattr(signature, direction)
            if there.keys() != promised.keys():
                names = ", ".join(sorted(there)) or "nothing"
                return f"the {direction} of {name} are {names}, not {', '.join(sorted(promised))}"
            for tensor, spec in promised.items():
                if not _fits(there[tensor], spec):
                    return f"{tensor} of {name} is {there[tensor]}, not {spec}"
    return None


class RequestFailed(Exception):
    """The model answered with an error; ``clients_error`` where it says that the request was wrong."""

    def __init__(self, message: str, clients_error: bool) -> None:
        super().__init__(message)
        self.clients_error = clients_error


class Server:
    """Loads as TensorFlow Serving loads: the meta graph tagged ``serve`` into a session, not ``tf.saved_model.load``.

    Raises:
      Refused: it does not load.
    """

    def __init__(self, model_dir: Path, tf: Any) -> None:
        """``tf`` is TensorFlow, as ``models.library_environment.import_tensorflow`` imports it."""
        self._tf = tf
        graph = tf.Graph()
        self._session = tf.compat.v1.Session(graph=graph)
        try:
            with graph.as_default():
                meta_graph = tf.compat.v1.saved_model.load(self._session, [tf.saved_model.SERVING], str(model_dir))
        except Exception as error:  # damaged files make TensorFlow raise anything
            raise Refused(f"TensorFlow cannot load it: {_without(model_dir, first_line(error))}") from error
        self._signatures = meta_graph.signature_def

    def signatures(self) -> dict[str, Signature]:
        """What its signatures take and give."""
        return {
            name: Signature(self._tensors(definition.inputs), self._tensors(definition.outputs))
            for name, definition in self._signatures.items()
            if not name.startswith("__")  # TensorFlow's own
        }

    def ask(self, signature: str, inputs: Inputs) -> dict[str, NDArray[Any]]:
        """One request.

        Raises:
          RequestFailed: the answer is an error.
        """
        definition = self._signatures[signature]
        outputs = {name: tensor.name for name, tensor in definition.outputs.items()}
        try:
            fed = {definition.inputs[name].name: np.asarray(value, object) for name, value in inputs.items()}
            answer: dict[str, NDArray[Any]] = self._session.run(outputs, fed)
        except (self._tf.errors.OpError, KeyError, ValueError, TypeError) as error:
            clients_error = isinstance(error, self._tf.errors.InvalidArgumentError)
            raise RequestFailed(first_line(error), clients_error) from error
        return {name: np.asarray(value) for name, value in answer.items()}

    def _tensors(self, infos: Mapping[str, Any]) -> dict[str, Tensor]:
        return {name: self._tensor(info) for name, info in infos.items()}

    def _tensor(self, info: Any) -> Tensor:
        lengths = tuple(None if dim.size < 0 else dim.size for dim in info.tensor_shape.dim)
        return Tensor(self._tf.as_dtype(info.dtype).name, None if info.tensor_shape.unknown_rank else lengths)


def replay(model_dir: Path, server: Server, tf: Any) -> None:
    """Sends every warm-up request to the server, as TensorFlow Serving does: one that fails keeps the model out.

    Raises:
      Refused: the file is missing, damaged or empty; a request is malformed or of no signature; an answer is an error
        or not finite.
    """
    logs = _warm_up(model_dir, tf)
    if not 0 < len(logs) <= _MOST:
        raise Refused(f"the warm-up file {WARM_UP.name} holds {len(logs)} requests; 1 to {_MOST} are right")
    signatures = server.signatures()
    for number, log in enumerate(logs, start=1):
        kind = log.WhichOneof("log_type")
        if kind != "predict_log":
            raise Refused(f"warm-up request {number} is no Predict request but {kind or 'empty'}")
        request = log.predict_log.request
        name = request.model_spec.signature_name or tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY
        if name not in signatures:
            raise Refused(f"warm-up request {number} is for the signature {name}, which the model does not have")
        if request.inputs.keys() != signatures[name].inputs.keys():
            given, wanted = (", ".join(sorted(names)) for names in (request.inputs, signatures[name].inputs))
            raise Refused(f"warm-up request {number} gives {name} {given or 'no input'} instead of {wanted}")
        try:
            answer = server.ask(name, {key: tf.make_ndarray(tensor).tolist() for key, tensor in request.inputs.items()})
        except (RequestFailed, TypeError, ValueError) as error:
            raise Refused(f"warm-up request {number} to {name} is answered with an error: {error}") from error
        for output, values in answer.items():
            if values.dtype.kind == "f" and not np.isfinite(values).all():
                raise Refused(
                    f"warm-up request {number} to {name} is answered with {output} that is not a finite number"
                )


def _warm_up(model_dir: Path, tf: Any) -> list[Any]:
    from google.protobuf.message import DecodeError
    from tensorflow_serving.apis import prediction_log_pb2

    path = model_dir / WARM_UP
    if not path.is_file():
        raise Refused(f"the warm-up file {WARM_UP} is missing")
    logs = []
    try:
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            logs.append(prediction_log_pb2.PredictionLog.FromString(record))  # noqa: PERF401 - counted as they come
    except tf.errors.OpError:
        raise Refused(f"the warm-up file {WARM_UP.name} is damaged after {len(logs)} requests") from None
    except DecodeError:
        raise Refused(f"request {len(logs) + 1} of the warm-up file {WARM_UP.name} is no PredictionLog") from None
    return logs


def _fits(found: Tensor, wanted: Tensor) -> bool:
    """Lengths that the graph leaves open are seen from the answers."""
    if found.dtype != wanted.dtype:
        return False
    if found.shape is None or wanted.shape is None:
        return True
    if len(found.shape) != len(wanted.shape):
        return False
    lengths = zip(found.shape, wanted.shape, strict=True)
    return all(there == promised or there is None for there, promised in lengths)


def _without(folder: Path, message: str) -> str:
    """The path of a scratch folder says nothing to a reader."""
    return message.replace(f"{folder}/", "").replace(str(folder), "the model")
