"""Randomness that is a hash: the same on every machine, runner and release of numpy."""

import hashlib

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_U27, _U30, _U31, _U11 = (np.uint64(bits) for bits in (27, 30, 31, 11))


def hashed(key: str, values: Ints) -> NDArray[np.uint64]:
    """SplitMix64 (Steele et al. 2014) of each integer, salted with a key: uint64, the shape of ``values``."""
    salt = np.frombuffer(hashlib.blake2b(key.encode(), digest_size=8).digest(), dtype="<u8")
    x = values.astype(np.uint64) * _GAMMA + salt
    x = (x ^ (x >> _U30)) * _MIX_1
    x = (x ^ (x >> _U27)) * _MIX_2
    return x ^ (x >> _U31)


def uniform(key: str, count: int) -> NDArray[np.float64]:
    """``count`` numbers in [0, 1), float64."""
    return (hashed(key, np.arange(count)) >> _U11).astype(np.float64) * 2.0**-53


def shuffled(key: str, count: int) -> Ints:
    """A permutation of ``range(count)``, int64."""
    return np.argsort(hashed(key, np.arange(count)), kind="stable")
