"""Libraries that are imported at their first use.

Every configuration is read with the registries and with the names of the metrics, which takes milliseconds; to import
NumPy takes a tenth of a second, to import Keras some.
"""

import importlib
from typing import TYPE_CHECKING, Any


class LazyModule:
    """Stands for a module that is imported once something in it is asked for.

    Args:
      name: dotted.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __reduce__(self) -> tuple[type["LazyModule"], tuple[str]]:
        return LazyModule, (self._name,)

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("_"):  # of protocols, such as that of copies
            raise AttributeError(attribute)
        found = getattr(importlib.import_module(self._name), attribute)
        setattr(self, attribute, found)
        return found


if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")

__all__ = ["LazyModule", "np"]
