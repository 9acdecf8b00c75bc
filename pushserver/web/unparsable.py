"""Requests that aiohttp's parser of HTTP refuses: the fault is their sender's.

Anybody who reaches the port can send them, so each is one line at `debug` and a count,
and its answer repeats nothing of it: aiohttp's own messages quote the request.
"""

from collections import Counter

import structlog
from aiohttp import web
from aiohttp.http_exceptions import (
    BadHttpMethod,
    HttpProcessingError,
    InvalidURLError,
    LineTooLong,
)

from pushserver.errors import HeaderTooLarge, Malformed, PushServerError
from pushserver.web.problems import render_error

log = structlog.get_logger("pushserver.requests")

COUNT = "requests.unparsable"
#: How aiohttp says it, for which it has no class.
_TOO_MANY_HEADERS = "Too many headers received"


class HeadTooLong(HttpProcessingError):
    """The head of a request is too long, though each of its fields is not."""


def record_unparsable(
    counts: Counter[str], address: str | None, error: BaseException
) -> None:
    """Count the request, and tell whoever looks for it what was wrong."""
    counts[COUNT] += 1
    log.debug("request.unparsable", reason=type(error).__name__, address=address)


def unparsable_response(error: HttpProcessingError) -> web.Response:
    """Return the answer, after which the connection is closed."""
    response = render_error(_problem_of(error))
    response.force_close()
    return response


def _problem_of(error: HttpProcessingError) -> PushServerError:
    if isinstance(error, LineTooLong):
        return HeaderTooLarge("A header, or the address, is too long.")
    if isinstance(error, HeadTooLong):
        return HeaderTooLarge("The address and the headers are too long together.")
    if error.message == _TOO_MANY_HEADERS:
        return HeaderTooLarge("There are too many headers.")
    if isinstance(error, BadHttpMethod):
        return Malformed(
            "The first line is not one of HTTP. This port does not speak HTTPS."
        )
    if isinstance(error, InvalidURLError):
        return Malformed("The address is not a URL.")
    return Malformed(
        "This is not HTTP/1.1: the first line, a header (Host is needed) or the"
        " body's length is wrong."
    )
