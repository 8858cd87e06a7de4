"""Keras, imported at its first use.

The modules of a registry are read with every configuration, which takes milliseconds; to import Keras takes seconds.
Such a module writes ``from models.network.lazy_keras import keras, ops``.
"""

import importlib
from typing import Any

Tensor = Any  # a backend tensor
Model = Any  # a ``keras.Model``


class _LazyModule:
    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(importlib.import_module(self._name), attribute)


keras: Any = _LazyModule("keras")
ops: Any = _LazyModule("keras.ops")
