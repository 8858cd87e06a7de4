"""Keras, imported at its first use: a module of a registry writes ``from models.network.lazy_keras import keras``."""

from typing import Any

from models.lazy_modules import LazyModule

Tensor = Any  # a backend tensor
Model = Any  # a ``keras.Model``

keras: Any = LazyModule("keras")
ops: Any = LazyModule("keras.ops")
