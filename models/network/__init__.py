"""The network: encoders (one tower), distances, losses and augmentations, each kind a registry of its own."""

import models.settings  # noqa: F401 - first: the settings discover the registries, whose modules import the interfaces
