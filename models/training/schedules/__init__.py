"""Learning rate schedules, registered by being in this folder."""

from models.settings.interfaces import Schedule
from models.settings.registry import Registry

SCHEDULES = Registry(__name__, Schedule)
