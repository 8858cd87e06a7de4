"""The training: compiled network, steps, checkpoints, hosts, tuning and TensorBoard."""

import models.settings  # noqa: F401 - first: the settings discover the registries, whose modules import the interfaces
