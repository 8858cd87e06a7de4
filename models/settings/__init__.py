"""Settings of image, encoder, loss, training, augmentation and calibration, with the registries that they discover.

Plain pydantic models without TensorFlow, so that a configuration is checked in milliseconds. A section a file.
"""

from models.settings.augmentation import AugmentationSettings
from models.settings.base import Affects, IsPath, Settings
from models.settings.calibration import CalibrationSettings
from models.settings.encoder import EncoderSettings
from models.settings.image import ImageSettings
from models.settings.loss import LossSettings
from models.settings.model import ModelSettings
from models.settings.training import BatchSettings, TrainingSettings

__all__ = [
    "Affects",
    "AugmentationSettings",
    "BatchSettings",
    "CalibrationSettings",
    "EncoderSettings",
    "ImageSettings",
    "IsPath",
    "LossSettings",
    "ModelSettings",
    "Settings",
    "TrainingSettings",
]
