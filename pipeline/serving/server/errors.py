"""What a client is told when its request cannot be answered."""


class RequestError(Exception):
    """A request that is refused.

    Attributes:
      status: the HTTP status, 4xx; 429 and 503 ask to come again.
      message: what is wrong with it, and with which instance.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


def bad_request(message: str) -> RequestError:
    """The request itself is wrong."""
    return RequestError(400, message)
