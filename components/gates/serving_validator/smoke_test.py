"""The program that runs in the fresh process: ``python -m components.gates.serving_validator.smoke_test FOLDER``.

It loads the model, sends the canary requests and writes the answers; it checks only what cannot be written.
Neither TFX nor Keras is imported: a server has none.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.gates.serving_validator.canary_requests import (
    AFTERWARDS,
    ALONE,
    ITSELF,
    JPEG,
    MODEL,
    PYTHON,
    REFUSAL,
    STAGE,
    TOGETHER,
    CanaryRequests,
    Refused,
    key,
    write_answers,
)
from components.gates.serving_validator.server import Inputs, RequestFailed, Server, breach, contract, replay
from models.errors import UserError, first_line
from models.export.inference import LoadedModel, Undecodable
from models.export.manifest import ModelManifest
from models.library_environment import import_tensorflow

Ask = Callable[[str, Inputs], dict[str, NDArray[Any]]]
UNDECODABLE = b"neither an image nor an Example"


def main(folder: Path) -> None:
    """Reads the requests in the folder; writes the answers, or the reason why there are none, into it."""
    tf = import_tensorflow()
    try:
        write_answers(try_model(folder / MODEL, CanaryRequests.read(folder), tf, _stages(folder)), folder)
    except Refused as refused:
        (folder / REFUSAL).write_text(str(refused), encoding="utf-8")


def try_model(
    model_dir: Path, requests: CanaryRequests, tf: Any, on_stage: Callable[[str], None] = lambda _: None
) -> dict[str, NDArray[Any]]:
    """All answers of a model; ``on_stage`` hears what is being done.

    Raises:
      Refused: there is no manifest, it does not load, has not the promised signatures, or answers with an error.
    """
    on_stage("loading the model as TensorFlow Serving does")
    try:
        manifest = ModelManifest.read(model_dir)
    except (UserError, UnicodeDecodeError):
        raise Refused("its manifest assets.extra/siamese.json is missing or damaged") from None
    server = Server(model_dir, tf)
    if complaint := breach(server.signatures(), contract(manifest.embedding)):
        raise Refused(complaint)
    on_stage("replaying its warm-up requests")
    replay(model_dir, server, tf)
    on_stage("answering requests")
    answers = _ask_all(TOGETHER, server.ask, requests)
    answers |= _one_by_one(server, requests)
    answers |= _ask(ITSELF, server.ask, "compare", {"image_a": requests.image_a, "image_b": requests.image_a})
    answers |= _ask(JPEG, server.ask, "compare", {"image_a": requests.jpeg, "image_b": requests.image_b})
    on_stage("answering a request that nobody can answer")
    _refuses_nonsense(server)
    answers |= _ask_all(AFTERWARDS, server.ask, requests)
    on_stage("loading the model with tf.saved_model.load")
    try:
        loaded = LoadedModel(model_dir)
    except UserError as error:
        raise Refused(str(error).replace(f"{model_dir}: ", "")) from None
    on_stage("answering requests after tf.saved_model.load")
    return answers | _ask_all(PYTHON, _python(loaded, tf), requests)


def _ask_all(way: str, ask: Ask, requests: CanaryRequests) -> dict[str, NDArray[Any]]:
    """Every signature, the pairs in one request."""
    answers = _ask(way, ask, "serving_default", {"examples": requests.examples})
    answers |= _ask(way, ask, "compare", {"image_a": requests.image_a, "image_b": requests.image_b})
    for side, images in (("a", requests.image_a), ("b", requests.image_b)):
        answers |= _ask(way, ask, "embed", {"image": images}, side)
    return answers


def _one_by_one(server: Server, requests: CanaryRequests) -> dict[str, NDArray[Any]]:
    """Every signature, one pair a request."""
    columns = zip(*vars(requests).values(), strict=True)
    singles = [_ask_all(ALONE, server.ask, CanaryRequests(*([value] for value in row))) for row in columns]
    if any(value.shape[:1] != (1,) for single in singles for value in single.values()):
        raise Refused("a request of one pair is not answered with one row")
    return {name: np.concatenate([single[name] for single in singles]) for name in singles[0]}


def _ask(way: str, ask: Ask, signature: str, inputs: Inputs, side: str = "") -> dict[str, NDArray[Any]]:
    try:
        answer = ask(signature, inputs)
    except RequestFailed as error:
        raise Refused(f"{signature} answers test pairs with an error: {error}") from error
    name = f"{signature}_{side}" if side else signature
    return {key(way, name, output): value for output, value in answer.items()}


def _refuses_nonsense(server: Server) -> None:
    for name, signature in contract(0).items():
        try:
            server.ask(name, {given: [UNDECODABLE] for given in signature.inputs})
        except RequestFailed as error:
            if error.clients_error:
                continue
            raise Refused(f"{name} fails on bytes that are no image with an internal error: {error}") from error
        raise Refused(f"{name} answers bytes that are no image as if they were one")


def _python(loaded: LoadedModel, tf: Any) -> Ask:
    def ask(signature: str, inputs: Inputs) -> dict[str, NDArray[Any]]:
        try:
            return loaded.answer(signature, inputs)
        except (Undecodable, tf.errors.OpError, KeyError, ValueError, TypeError) as error:
            raise RequestFailed(first_line(error), clients_error=False) from error

    return ask


def _stages(folder: Path) -> Callable[[str], None]:
    def write(stage: str) -> None:
        (folder / STAGE).write_text(stage, encoding="utf-8")

    return write


if __name__ == "__main__":
    main(Path(sys.argv[1]))
