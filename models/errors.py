"""The errors that the command line tells apart.

Not beside the code that raises them: TFX reloads the modules whose functions it calls, and with them their classes.
"""

from typing import Any


class UserError(Exception):
    """The input, the data or the configuration is wrong: one clear line, exit code 2.

    The message says which file or key, what is wrong with it and what would be right.
    """


class RejectedData(UserError):
    """The images as they are make no run; what was found in them comes along, since a failed node leaves nothing else.

    Attributes:
      quarantine: the listing of the files that were not used, as CSV.
      counts: the figures of the images.
    """

    def __init__(self, message: str, quarantine: str, counts: dict[str, Any]) -> None:
        super().__init__(message)
        self.quarantine, self.counts = quarantine, counts


class GateRefusal(Exception):
    """A gate refused the model, where a refused run is to end as a failed one: exit code 3."""


class NotEnoughNewData(Exception):
    """Too few images are new to the model that serves: the run ends early, as it should. Exit code 0."""


class TrainingFailed(RuntimeError):
    """The training diverged or collapsed; there is no model worth judging: exit code 1."""


def first_line(error: Exception) -> str:
    """What TensorFlow says of an error, without the graph's nodes and the lines around it."""
    lines = (line.strip() for line in str(error).splitlines())
    telling = (line for line in lines if line and line != "Graph execution error:")
    return next(telling, type(error).__name__)[:300]
