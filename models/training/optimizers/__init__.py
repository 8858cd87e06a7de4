"""Optimizers: a module each, registered by being in this folder."""

from models.settings.interfaces import Optimizer
from models.settings.registry import Registry

OPTIMIZERS = Registry(__name__, Optimizer)
