"""Learning rate schedules, registered by lying here."""

from models.settings.interfaces import Schedule
from models.settings.registry import Registry

SCHEDULES = Registry(__name__, Schedule)
