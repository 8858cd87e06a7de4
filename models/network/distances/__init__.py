"""Distances between embeddings: a module each, registered by being in this folder. Embeddings are [n, d]."""

from models.settings.interfaces import Distance
from models.settings.registry import Registry

DISTANCES = Registry(__name__, Distance)
