"""TensorBoard: curves, histograms, projector and trials of a training, and augmented images."""

from models.training.tensorboard.augmented import augmented_images
from models.training.tensorboard.board import Board
from models.training.tensorboard.projector import write_projector
from models.training.tensorboard.trials import write_trial

__all__ = ["Board", "augmented_images", "write_projector", "write_trial"]
