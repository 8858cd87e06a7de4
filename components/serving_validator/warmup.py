"""The warm-up requests that TensorFlow Serving replays before it serves: one that fails keeps the whole model out."""

from pathlib import Path
from typing import Any

import numpy as np

from components.serving_validator.refused import Refused
from components.serving_validator.server import RequestFailed, Server

FILE = Path("assets.extra") / "tf_serving_warmup_requests"
_MOST = 1000  # TensorFlow Serving refuses a file with more


def replay(model_dir: Path, server: Server, tf: Any) -> None:
    """Sends every request of the file to the server.

    Raises:
      Refused: the file is missing, damaged or empty; a request is malformed or of no signature; an answer is an error
        or not finite.
    """
    logs = _read(model_dir, tf)
    if not 0 < len(logs) <= _MOST:
        raise Refused(f"the warm-up file {FILE.name} holds {len(logs)} requests; 1 to {_MOST} are right")
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


def _read(model_dir: Path, tf: Any) -> list[Any]:
    from google.protobuf.message import DecodeError
    from tensorflow_serving.apis import prediction_log_pb2

    path = model_dir / FILE
    if not path.is_file():
        raise Refused(f"the warm-up file {FILE} is missing")
    logs = []
    try:
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            logs.append(prediction_log_pb2.PredictionLog.FromString(record))  # noqa: PERF401 - counted as they come
    except tf.errors.OpError:
        raise Refused(f"the warm-up file {FILE.name} is damaged after {len(logs)} requests") from None
    except DecodeError:
        raise Refused(f"request {len(logs) + 1} of the warm-up file {FILE.name} is no PredictionLog") from None
    return logs
