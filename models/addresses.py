"""Whether a text that a person gave is a path of this machine or an address of a store: decided here alone."""

import re

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def is_address(text: str) -> bool:
    """Whether it begins with ``scheme://``; a path may hold those characters further on."""
    return _SCHEME.match(text) is not None
