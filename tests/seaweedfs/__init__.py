"""A real object store for tests: SeaweedFS as a process on loopback, and a proxy in front of it that fails."""

from seaweedfs.proxy import FaultyProxy
from seaweedfs.store import SeaweedFS, missing

__all__ = ["FaultyProxy", "SeaweedFS", "missing"]
