import pytest

from models.training.memory import available_memory


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
def test_it_is_the_machines_or_the_rest_of_the_containers(tmp_path, files, free):
    (tmp_path / "meminfo").write_text("MemTotal: 8000000 kB\nMemFree: 1 kB\nMemAvailable:   4000000 kB\n")
    for name, text in files.items():
        (tmp_path / "cgroup" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "cgroup" / name).write_text(text + "\n")
    assert available_memory(tmp_path / "meminfo", tmp_path / "cgroup") == free


def test_where_nothing_can_be_reported_there_is_none(tmp_path):
    assert available_memory(tmp_path / "none", tmp_path / "none") == 0


def test_this_machine_has_some():
    assert available_memory() > 1 << 20
