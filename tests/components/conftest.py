"""Models of a letter, and object stores in memory: one that works, one that dies."""

from pathlib import Path

import fsspec
import pytest
from mortal_store import MortalFileSystem
from pushed_models import write_model


@pytest.fixture
def model(tmp_path):
    """Writes the model of a letter, once."""

    def written(letter: str) -> Path:
        path = tmp_path / "models" / letter
        return path if path.exists() else write_model(path, letter, weights=f"weights of {letter}")

    return written


@pytest.fixture
def store():
    """The address of an empty store."""
    address = "memory://bucket/serving"
    memory = fsspec.filesystem("memory")
    memory.store.clear()
    yield address
    memory.store.clear()


@pytest.fixture
def mortal(store):
    """The same store through a process that can die; call ``restart``."""
    fsspec.register_implementation("mortal", MortalFileSystem, clobber=True)
    MortalFileSystem.restart(None)
    yield MortalFileSystem, store.replace("memory://", "mortal://")
    MortalFileSystem.restart(None)
