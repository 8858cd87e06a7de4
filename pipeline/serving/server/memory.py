"""The C library's memory in a server that runs for days: what was freed goes back to the system.

glibc keeps an arena for each of many threads, and freed blocks of up to 32 MB for the next one of that size. Images of
many sizes in many threads leave holes that add up. Other C libraries have none of this, and nothing is done there.
"""

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # of malloc.h
_LARGE_BLOCK = 4 * 1024**2
_OPTIONS = {_M_ARENA_MAX: 4, _M_MMAP_THRESHOLD: _LARGE_BLOCK, _M_TRIM_THRESHOLD: _LARGE_BLOCK}


def bound_arenas() -> None:
    """Few arenas, and large blocks that end when they are freed. Call it before threads start."""
    for option, value in _OPTIONS.items():
        _call("mallopt", option, value)


def trim() -> None:
    """Returns free memory to the system; takes milliseconds."""
    _call("malloc_trim", 0)


def _call(name: str, *arguments: int) -> None:
    if sys.platform == "linux" and (function := getattr(ctypes.CDLL(None), name, None)) is not None:
        function(*arguments)
