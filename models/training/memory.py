"""How much memory this process may still take."""

from pathlib import Path

_UNITS = {"kB": 1024}
# (what a group of processes may take, what it takes), of cgroups version 2 and 1.
_GROUPS = (
    ("memory.max", "memory.current"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
)


def available_memory(proc: Path = Path("/proc/meminfo"), groups: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes: free memory of the machine, or the rest of a container's limit; 0 where neither is known."""
    found = [number for number in (_of_machine(proc), *(_of_group(groups, *names) for names in _GROUPS)) if number]
    return max(0, min(found, default=0))


def _of_machine(path: Path) -> int | None:
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    line = next((line for line in lines if line.startswith("MemAvailable:")), None)
    if line is None:
        return None
    _, number, unit = line.split()
    return int(number) * _UNITS[unit]


def _of_group(folder: Path, limit: str, taken: str) -> int | None:
    try:
        most, now = ((folder / name).read_text(encoding="ascii").strip() for name in (limit, taken))
    except OSError:
        return None
    return None if most == "max" else int(most) - int(now)
