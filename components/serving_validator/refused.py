"""Why a model must not serve, as an exception between the modules of this room; outside it is a verdict."""


class Refused(Exception):
    """The message is the reason: one plain sentence, without a full stop."""
