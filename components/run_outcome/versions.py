"""The libraries that a run stood on."""

import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

_LIBRARIES = ("siamese-pipeline", "tfx", "tensorflow", "keras", "apache-beam", "tensorflow-model-analysis")


def versions() -> dict[str, str]:
    """Python's and theirs, as far as they are installed."""
    found = {"python": sys.version.split()[0]}
    for name in _LIBRARIES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
