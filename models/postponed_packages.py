"""Packages whose ``__init__`` loads much that this project never uses: it runs only once something in it is asked for.

TFX's list of components loads all of the client of Kubernetes, Beam all of Google's. A submodule of such a package is
imported without it. No package of TFX is among them: 1.21 repairs others in what looks like a list of contents.
"""

import importlib
import importlib.util
import sys
import threading
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

_PACKAGES = {
    "google.cloud.bigquery",  # with notebooks' widgets; of Beam
    "google.cloud.pubsub",
    "google.cloud.pubsub_v1",
    "hdfs",
    "kubernetes",
}
_loading = threading.RLock()


def postpone() -> None:
    """Postpones the packages that are not loaded yet; does nothing a second time."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in _PACKAGES:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec and spec.loader:
            spec.loader = _Postponed(spec.loader)
        return spec


class _Postponed(Loader):
    def __init__(self, loader: Loader) -> None:
        self.own = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Package(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Does nothing yet."""


class _Package(ModuleType):
    def __getattr__(self, name: str) -> Any:
        """What the package has not loaded yet: a submodule, or whatever its ``__init__`` defines."""
        if name.startswith("__") and name not in ("__all__", "__version__"):
            raise AttributeError(name)
        if not name.startswith("__") and importlib.util.find_spec(f"{self.__name__}.{name}"):
            return importlib.import_module(f"{self.__name__}.{name}")
        with _loading:
            spec = self.__spec__
            if spec and isinstance(spec.loader, _Postponed):
                postponed, spec.loader = spec.loader, spec.loader.own
                try:
                    spec.loader.exec_module(self)
                except BaseException:
                    spec.loader = postponed  # whoever asks again gets the same error
                    raise
        return super().__getattribute__(name)
