"""Hardware of a training: its devices on one host or several, and the precision that they are fast at."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import tensorflow as tf

from models.errors import UserError
from models.training.hosts.cluster import hosts


def distribution() -> tf.distribute.Strategy:
    """Mirrored over all hosts and all their GPUs where there are several; the default otherwise.

    Several hosts must meet before TensorFlow has done anything: call it first.

    Raises:
      UserError: ``TF_CONFIG`` cannot be read, or comes too late.
    """
    if hosts().count > 1:
        return _all_hosts()
    if len(tf.config.list_logical_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


@functools.cache  # the hosts meet once
def _all_hosts() -> tf.distribute.Strategy:
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise UserError(
            f"TF_CONFIG: several hosts must connect before TensorFlow is used; run the Trainer in a process of its own "
            f"({error})",
            code="train-tf-config",
        ) from None


def compiled_steps(choice: str) -> bool:
    """Whether XLA compiles the training steps, for ``choice`` ("auto", "on" or "off"); auto: where there is a GPU."""
    return choice == "on" or (choice == "auto" and bool(tf.config.list_physical_devices("GPU")))


def fast_policy(choice: str) -> str:
    """The Keras dtype policy for ``choice`` ("auto", "on" or "off").

    auto: bfloat16 from compute capability 8.0, float16 from 7.0, float32 elsewhere, as NVIDIA's tensor cores have them;
    without a GPU bfloat16 on a CPU that multiplies such numbers.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if choice == "off":
        return "float32"
    if not gpus:
        return "mixed_bfloat16" if choice == "on" or multiplies_bfloat16() else "float32"
    capability = min(tf.config.experimental.get_device_details(gpu).get("compute_capability", (0, 0)) for gpu in gpus)
    if capability >= (8, 0):
        return "mixed_bfloat16"
    return "mixed_float16" if capability >= (7, 0) or choice == "on" else "float32"


def multiplies_bfloat16(cpu: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether this CPU has instructions for products of bfloat16 that oneDNN uses."""
    try:
        flags = cpu.read_text(encoding="utf-8").split()
    except OSError:  # no Linux
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


@contextmanager
def precision_policy(choice: str) -> Iterator[None]:
    """Builds layers under ``fast_policy(choice)`` and puts the former policy back."""
    former = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy(fast_policy(choice))
    try:
        yield
    finally:
        keras.mixed_precision.set_dtype_policy(former)
