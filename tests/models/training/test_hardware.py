import keras
import pytest
import tensorflow as tf

from models.training import hardware
from models.training.hardware import available_memory, distribution, fast_policy, multiplies_bfloat16, precision_policy


@pytest.fixture
def gpus(monkeypatch):
    """Makes TensorFlow tell of GPUs of these compute capabilities."""

    def tell(*capabilities):
        devices = [tf.config.PhysicalDevice(f"/physical_device:GPU:{n}", "GPU") for n in range(len(capabilities))]
        details = {
            device.name: {"compute_capability": capability} if capability else {}
            for device, capability in zip(devices, capabilities, strict=True)
        }
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: devices)
        monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind=None: devices)
        monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda device: details[device.name])

    return tell


@pytest.mark.parametrize(
    ("choice", "capabilities", "policy"),
    [
        ("auto", [], "float32"),
        ("auto", [(6, 1)], "float32"),
        ("auto", [(7, 0)], "mixed_float16"),
        ("auto", [(7, 5)], "mixed_float16"),
        ("auto", [(8, 0)], "mixed_bfloat16"),
        ("auto", [(9, 0)], "mixed_bfloat16"),
        ("auto", [(12, 0), (7, 5)], "mixed_float16"),  # the slowest decides
        ("auto", [None], "float32"),
        ("off", [], "float32"),
        ("off", [(9, 0)], "float32"),
        ("on", [], "mixed_bfloat16"),
        ("on", [(6, 1)], "mixed_float16"),
        ("on", [(8, 6)], "mixed_bfloat16"),
    ],
)
def test_the_precision_is_the_one_that_the_devices_are_fast_at(gpus, monkeypatch, choice, capabilities, policy):
    monkeypatch.setattr(hardware, "multiplies_bfloat16", lambda: False)
    gpus(*capabilities)
    assert fast_policy(choice) == policy


@pytest.mark.parametrize(
    ("flags", "policy"),
    [("avx512f avx512_bf16", "mixed_bfloat16"), ("amx_bf16", "mixed_bfloat16"), ("avx2 avx512f", "float32")],
)
def test_without_a_gpu_the_processor_decides(gpus, monkeypatch, tmp_path, flags, policy):
    (tmp_path / "cpuinfo").write_text(f"processor : 0\nflags : fpu {flags} fma\n")
    monkeypatch.setattr(hardware, "multiplies_bfloat16", lambda: multiplies_bfloat16(tmp_path / "cpuinfo"))
    gpus()
    assert fast_policy("auto") == policy
    assert fast_policy("off") == "float32"


def test_where_processors_are_not_listed_none_multiplies_bfloat16(tmp_path):
    assert not multiplies_bfloat16(tmp_path / "cpuinfo")


def test_the_former_policy_comes_back_even_after_an_error():
    former = keras.mixed_precision.dtype_policy().name
    with pytest.raises(ZeroDivisionError), precision_policy("on"):
        _ = 1 / (keras.mixed_precision.dtype_policy().name != "mixed_bfloat16")
    assert keras.mixed_precision.dtype_policy().name == former


@pytest.mark.parametrize("count", [0, 1, 2, 4])
def test_several_gpus_are_mirrored_over(gpus, monkeypatch, count):
    gpus(*[(8, 0)] * count)
    monkeypatch.setattr(tf.distribute, "MirroredStrategy", lambda: "mirrored")
    assert (distribution() == "mirrored") == (count > 1)


@pytest.mark.parametrize(
    ("files", "free"),
    [
        ({}, 4_000_000 * 1024),
        ({"memory.max": "max", "memory.current": "1"}, 4_000_000 * 1024),
        ({"memory.max": "3000000000", "memory.current": "1000000000"}, 2_000_000_000),
        ({"memory/memory.limit_in_bytes": "3000", "memory/memory.usage_in_bytes": "1000"}, 2000),
        ({"memory.max": "1000", "memory.current": "3000"}, 0),
    ],
)
def test_free_memory_is_the_machines_or_the_rest_of_the_containers(tmp_path, files, free):
    (tmp_path / "meminfo").write_text("MemTotal: 8000000 kB\nMemFree: 1 kB\nMemAvailable:   4000000 kB\n")
    for name, text in files.items():
        (tmp_path / "cgroup" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "cgroup" / name).write_text(text + "\n")
    assert available_memory(tmp_path / "meminfo", tmp_path / "cgroup") == free


def test_where_nothing_can_be_reported_there_is_none(tmp_path):
    assert available_memory(tmp_path / "none", tmp_path / "none") == 0


def test_this_machine_has_some():
    assert available_memory() > 1 << 20
