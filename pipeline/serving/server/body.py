"""A request's body, within bounds of size and time."""

import asyncio

from starlette.requests import ClientDisconnect, Request

from pipeline.serving.server.admission import Reservation
from pipeline.serving.server.errors import RequestError, bad_request
from pipeline.serving.server.limits import Limits


async def read_body(request: Request, reservation: Reservation, limits: Limits) -> bytes:
    """The whole body.

    Raises:
      RequestError: 408, 413, 415 or 429.
    """
    if (encoding := request.headers.get("content-encoding", "identity")) != "identity":
        raise RequestError(415, f"Content-Encoding {encoding[:40]!r} is not taken; send the body as it is")
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:19]) > limits.max_body:
        raise RequestError(413, f"the body is too long: {announced[:19]} > {limits.max_body} bytes")
    try:
        return await asyncio.wait_for(reservation.collect(request.stream(), limits.max_body), limits.upload_seconds)
    except asyncio.TimeoutError:
        raise RequestError(408, f"the body did not arrive within {limits.upload_seconds:.0f} s") from None
    except ClientDisconnect:
        raise bad_request("the client left") from None
