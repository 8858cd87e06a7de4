"""Why a model must not serve, as an exception between the modules of this room; outside it is a verdict."""


class Refused(Exception):
    """The message is the reason: one plain sentence, without a full stop."""


def first_line(error: Exception) -> str:
    """What TensorFlow says of an error, without the graph's nodes and the lines around it."""
    lines = (line.strip() for line in str(error).splitlines())
    telling = (line for line in lines if line and line != "Graph execution error:")
    return next(telling, type(error).__name__)[:300]
