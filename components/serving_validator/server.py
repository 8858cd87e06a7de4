"""A SavedModel behind a session, as TensorFlow Serving has it: restored, initialised, asked by the graph's names."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.serving_validator.contract import Signature, Tensor
from components.serving_validator.refused import Refused
from models.errors import first_line

Inputs = Mapping[str, Sequence[bytes]]


class RequestFailed(Exception):
    """The model answered with an error; ``clients_fault`` where it says that the request was wrong."""

    def __init__(self, message: str, clients_fault: bool) -> None:
        super().__init__(message)
        self.clients_fault = clients_fault


class Server:
    """Loads as TensorFlow Serving loads: the meta graph tagged ``serve`` into a session, not ``tf.saved_model.load``.

    Raises:
      Refused: it does not load.
    """

    def __init__(self, model_dir: Path, tf: Any) -> None:
        """``tf`` is TensorFlow, as ``models.export.inference.import_tensorflow`` imports it."""
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
            clients_fault = isinstance(error, self._tf.errors.InvalidArgumentError)
            raise RequestFailed(first_line(error), clients_fault) from error
        return {name: np.asarray(value) for name, value in answer.items()}

    def _tensors(self, infos: Mapping[str, Any]) -> dict[str, Tensor]:
        return {name: self._tensor(info) for name, info in infos.items()}

    def _tensor(self, info: Any) -> Tensor:
        lengths = tuple(None if dim.size < 0 else dim.size for dim in info.tensor_shape.dim)
        return Tensor(self._tf.as_dtype(info.dtype).name, None if info.tensor_shape.unknown_rank else lengths)


def _without(folder: Path, message: str) -> str:
    """The path of a scratch folder says nothing to a reader."""
    return message.replace(f"{folder}/", "").replace(str(folder), "the model")
