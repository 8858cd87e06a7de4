"""What a training shows in TensorBoard, and the pictures that go with it."""

from models.tensorboard.augmented import augmented_images
from models.tensorboard.board import Board
from models.tensorboard.projector import write_projector
from models.tensorboard.trials import write_trial

__all__ = ["Board", "augmented_images", "write_projector", "write_trial"]
