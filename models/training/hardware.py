"""Hardware of a training: its devices on one host or several, the precision that they are fast at, and memory."""

import functools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from models.errors import UserError
from models.training.hosts.cluster import hosts

# (what a group of processes may take, what it takes), of cgroups version 2 and 1.
_GROUPS = (
    ("memory.max", "memory.current"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
)


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


def available_memory(proc: Path = Path("/proc/meminfo"), groups: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes: free memory of the machine, or the rest of a container's limit; 0 where neither is known."""
    found = [number for number in (_of_machine(proc), *(_of_group(groups, *names) for names in _GROUPS)) if number]
    return max(0, min(found, default=0))


def _of_machine(path: Path) -> int | None:
    try:
        found = re.search(r"^MemAvailable: *(\d+) kB$", path.read_text(encoding="ascii"), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None


def _of_group(folder: Path, limit: str, taken: str) -> int | None:
    try:
        most, now = ((folder / name).read_text(encoding="ascii").strip() for name in (limit, taken))
    except OSError:
        return None
    return None if most == "max" else int(most) - int(now)


class SharedStatistics(keras.callbacks.Callback):
    """Gives all replicas the mean of their moving statistics at the end of each epoch.

    Each updates them by its own part of every batch. Without this they would drift apart, and hosts that evaluate the
    validation pairs differently would not stop at the same epoch. List it first.
    """

    def __init__(self, encoder: keras.Model, strategy: tf.distribute.Strategy) -> None:
        super().__init__()
        self._strategy = strategy
        self._statistics = [one for one in encoder.non_trainable_variables if keras.backend.is_float_dtype(one.dtype)]

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        del epoch, logs
        means = over_all(self._strategy, lambda: [tf.convert_to_tensor(one) for one in self._statistics])
        for one, mean in zip(self._statistics, means, strict=True):
            one.assign(mean)


def over_all(strategy: tf.distribute.Strategy, values: Any) -> list[tf.Tensor]:
    """The means over all replicas of the tensors that ``values()`` gives in each; returns when all have called it."""
    each = tf.function(lambda: strategy.run(values), autograph=False)()
    return [strategy.reduce(tf.distribute.ReduceOp.MEAN, value, axis=None) for value in each]


@contextmanager
def once(strategy: tf.distribute.Strategy) -> Iterator[bool]:
    """For what one host alone does: whether this is the chief. No host leaves the context before the chief has."""
    yield hosts().chief
    if hosts().count > 1:
        over_all(strategy, lambda: [tf.constant(1.0)])
