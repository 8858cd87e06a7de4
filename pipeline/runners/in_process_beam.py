"""Beam's runner in this process."""

from apache_beam.runners.portability.fn_api_runner import worker_handlers


def disable_state_cache() -> None:
    """Turns off the cache of side inputs: Beam weighs each entry by a walk over the globals of all loaded modules.

    That takes seconds in each run; and what it keeps is in the memory of this process without it.
    """
    worker_handlers.STATE_CACHE_SIZE_MB = 0
