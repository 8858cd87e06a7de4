"""Trainings that take no time: the real process with another ``run_fn`` in it, which knows no TensorFlow."""

import logging

import pytest

from models.training.hosts import chief, process, worker

_STAND_IN = """
import sys, types
stand_in = types.ModuleType("models.training.trainer")
exec({code!r}, stand_in.__dict__)
sys.modules["models.training.trainer"] = stand_in
"""


@pytest.fixture
def run_fn(monkeypatch):
    """Takes the body of ``run_fn(fn_args)``, in which ``progress`` is the logger of that name."""
    program = process._PROGRAM

    def becomes(body: str) -> None:
        lines = "".join(f"    {line}\n" for line in body.splitlines())
        head = (
            "import logging, os, time\nfrom models.errors import *\nprogress = logging.getLogger('siamese.progress')\n"
        )
        code = _STAND_IN.format(code=f"{head}def run_fn(fn_args):\n{lines}")
        where, rest = program.split("; ", 2)[:2], program.split("; ", 2)[2]
        monkeypatch.setattr(process, "_PROGRAM", f"{'; '.join(where)}\n{code}\n{rest}")

    for module in (chief, worker, process):
        monkeypatch.setattr(module, "POLL", 0.02)
    return becomes


@pytest.fixture
def reported(caplog):
    """The progress lines."""
    caplog.set_level(logging.INFO, "siamese.progress")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "siamese.progress"]
