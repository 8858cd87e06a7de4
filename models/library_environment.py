"""The environment variables of TensorFlow, Keras and their libraries: set here, for this process and its children.

A person's settings for other programs must change nothing: not the backend of Keras, not the layout of images, not
the number of epochs. What is not listed here (threads, GPUs, log levels) is the person's to choose.
"""

import gc
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from models.errors import UserError
from models.postponed_packages import postpone

_SET = {"KERAS_BACKEND": "tensorflow"}
_UNSET = (
    *("KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH", "KERAS_NNX_ENABLED", "TF_USE_LEGACY_KERAS", "TF2_BEHAVIOR"),
    *("AUTOGRAPH_VERBOSITY", "AUTOGRAPH_STRICT_CONVERSION", "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"),
)
# An unknown flag among them ends the process, without an exception.
_FLAGS = {"TF_XLA_FLAGS": (), "XLA_FLAGS": ("--xla_gpu_cuda_data_dir=",)}  # variable -> the flags that are kept
# oneDNN halves the time of a training step also on CPUs where it is off by default.
_NATIVE = {"TF_CPP_MIN_LOG_LEVEL": "2", "GRPC_VERBOSITY": "ERROR", "TF_ENABLE_ONEDNN_OPTS": "1"}
_ALLOWED = {"TF_ENABLE_ONEDNN_OPTS": ("0", "1", "false", "true")}
_OWN = ("components", "models", "pipeline", "siamese")  # names of loggers
_KERAS_HOME = "siamese-pipeline"  # in the person's own

_log = logging.getLogger(__name__)


def check_docstrings() -> None:
    """Checks that Python keeps docstrings, which libraries change as they are imported.

    Raises:
      UserError: it drops them.
    """
    if sys.flags.optimize > 1:
        how = f"PYTHONOPTIMIZE={os.environ['PYTHONOPTIMIZE']}" if os.environ.get("PYTHONOPTIMIZE") else "python -OO"
        message = f"{how}: drops the docstrings, without which Apache Beam cannot be imported; start without it"
        raise UserError(message, code="config-optimized")


def set_library_variables() -> None:
    """Sets the variables that decide what the libraries compute; call it before one of them is loaded."""
    os.environ.update(_SET)
    for name in _UNSET:
        os.environ.pop(name, None)
    for name, kept in _FLAGS.items():
        flags = os.environ.get(name, "").split()
        dropped = [flag for flag in flags if not flag.startswith(kept or "\0")]
        if dropped:
            _log.warning("%s: %s: not supported, and not used", name, " ".join(dropped))
            os.environ[name] = " ".join(flag for flag in flags if flag not in dropped)
    for name, allowed in _ALLOWED.items():
        if os.environ.get(name, allowed[0]).lower() not in allowed:
            del os.environ[name]


class _OwnMessages(logging.Handler):
    """Prints what this project logs where nothing else handles it, as Python does by itself; not libraries."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.partition(".")[0] in _OWN and not self._handled_elsewhere(record.name):
            with suppress(OSError, ValueError):  # standard error that is full or closed
                print(self.format(record), file=sys.stderr)

    def _handled_elsewhere(self, name: str) -> bool:
        logger: logging.Logger | None = logging.getLogger(name)
        while logger:
            if any(handler is not self for handler in logger.handlers):
                return True
            logger = logger.parent if logger.propagate else None
        return False


def silence_libraries() -> None:
    """Keeps off the terminal what libraries log, such as each attempt to reach a store; the error says what came of it.

    Call it before one of them is loaded: they print by themselves where nobody handles the log.
    """
    root = logging.getLogger()
    if not any(isinstance(handler, _OwnMessages) for handler in root.handlers):
        root.addHandler(_OwnMessages(logging.WARNING))


@contextmanager
def loading() -> Iterator[None]:
    """For the time in which libraries are loaded, whose objects stay: the garbage collector never looks at them.

    It would go through a million of them again and again, and once more as the process ends.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


def prepare_native_libraries() -> None:
    """Prepares a process that trains or evaluates; call it before TensorFlow loads.

    Only errors are printed, and oneDNN is on, unless the user chose otherwise. Keras gets a home of its own, without
    the person's ``keras.json``; downloaded weights are shared.
    """
    set_library_variables()
    postpone()
    for key, value in _NATIVE.items():
        os.environ.setdefault(key, value)
    home = Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser()
    if home.name == _KERAS_HOME:  # set by a parent process
        return
    own = home / _KERAS_HOME
    os.environ["KERAS_HOME"] = str(own)
    with suppress(OSError):  # where nothing can be written, Keras writes nothing either
        own.mkdir(parents=True, exist_ok=True)
        (home / "models").mkdir(exist_ok=True)
        (own / "models").symlink_to("../models")


def import_tensorflow() -> Any:
    """TensorFlow without log lines and without Keras, which a SavedModel does not need and doubles the import time."""
    set_library_variables()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as in a run; otherwise the last digits differ
    absent = {"keras": None} if not {"keras", "tensorflow"} & sys.modules.keys() else {}
    sys.modules.update(absent)  # type: ignore[arg-type]  # TensorFlow then takes it as not installed
    try:
        # Only the first time: what is there later, such as a model, may go again.
        with _muted(), nullcontext() if "tensorflow" in sys.modules else loading():
            import tensorflow as tf
    finally:
        for name in absent:
            del sys.modules[name]
    return tf


@contextmanager
def _muted() -> Iterator[None]:
    """Discards standard error, where TensorFlow's C++ code writes lines that no setting suppresses."""
    sys.stderr.flush()
    kept, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)
