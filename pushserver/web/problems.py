"""Errors on the wire: RFC 9457 problem+json, one table, one shape."""

from collections.abc import Collection, Mapping
from http import HTTPStatus
from types import MappingProxyType

import msgspec
from aiohttp import web

from pushserver.errors import (
    BodyDeleted,
    BodyTimeout,
    Conflict,
    Forbidden,
    HeaderTooLarge,
    Invalid,
    LengthRequired,
    LimitReached,
    Malformed,
    NotFound,
    PreconditionFailed,
    PushServerError,
    QueueFull,
    TooLarge,
    TooMany,
    Unauthorized,
    Unavailable,
    UnsupportedMediaType,
)
from pushserver.web.device_url import mask_keys_in_text

#: The status of each error; one that is not listed has its nearest ancestor's.
STATUS_BY_ERROR: Mapping[type[PushServerError], int] = MappingProxyType(
    {
        PushServerError: 500,
        Malformed: 400,
        LengthRequired: 411,
        BodyTimeout: 408,
        UnsupportedMediaType: 415,
        Invalid: 422,
        Unauthorized: 401,
        Forbidden: 403,
        NotFound: 404,
        BodyDeleted: 410,
        Conflict: 409,
        PreconditionFailed: 412,
        TooLarge: 413,
        TooMany: 429,
        HeaderTooLarge: 431,
        Unavailable: 503,
    }
)
_HEADERS_BY_ERROR: Mapping[type[PushServerError], Mapping[str, str]] = MappingProxyType(
    {
        Unauthorized: {"WWW-Authenticate": 'Bearer realm="pushserver"'},
        LimitReached: {"Retry-After": "60"},
        TooMany: {"Retry-After": "1"},
        QueueFull: {"Retry-After": "10"},
        Unavailable: {"Retry-After": "1"},
    }
)
PROBLEM_MEDIA_TYPE = "application/problem+json"
URN_PREFIX = "urn:pushserver:problem:"
INTERNAL_ERROR = "Internal error. The server's log has more."


class LineProblem(msgspec.Struct, omit_defaults=True):
    """What is wrong with one line of a file; lines are counted from one."""

    line: int
    """The line, from one."""
    detail: str
    """What is wrong with it."""
    pointer: str | None = None
    """The field, as a JSON Pointer."""


class Problem(msgspec.Struct, omit_defaults=True):
    """
    What went wrong: `type` for programs, `detail` for people.

    `errors` are the wrong lines of a file.
    """

    type: str
    """What kind of problem it is: the same for ever."""
    title: str
    """What kind it is, for people."""
    status: int
    """The status of the answer."""
    detail: str
    """What went wrong here."""
    pointer: str | None = None
    """The wrong field, as a JSON Pointer."""
    errors: list[LineProblem] = []
    """The wrong lines of a file."""
    request_id: str | None = msgspec.field(default=None, name="requestId")
    """The request's `X-Request-Id`, by which it is found in the server's log."""


def status_of(error: PushServerError) -> int:
    """Return the status of the nearest listed ancestor."""
    return next(
        STATUS_BY_ERROR[kind] for kind in type(error).__mro__ if kind in STATUS_BY_ERROR
    )


def headers_of(error: PushServerError) -> Mapping[str, str]:
    """Return the headers that belong to an error's status."""
    return next(
        (_HEADERS_BY_ERROR[k] for k in type(error).__mro__ if k in _HEADERS_BY_ERROR),
        {},
    )


def headers_of_status(status: int) -> Collection[str]:
    """Return the names of the headers that errors of a status may have."""
    kinds = [kind for kind, each in STATUS_BY_ERROR.items() if each == status]
    return {
        name
        for kind, headers in _HEADERS_BY_ERROR.items()
        if issubclass(kind, tuple(kinds))
        for name in headers
    }


def render_error(error: Exception, request_id: str | None = None) -> web.Response:
    """Render whatever a handler raised; an unexpected error reveals nothing."""
    if isinstance(error, web.HTTPException):
        return _http_error_response(error, request_id)
    if not isinstance(error, PushServerError):
        error = PushServerError(INTERNAL_ERROR)
    problem = Problem(
        URN_PREFIX + error.code,
        error.title,
        status_of(error),
        mask_keys_in_text(error.detail),
        error.pointer and mask_keys_in_text(error.pointer),
        [_line_problem(*line) for line in error.lines],
        request_id,
    )
    return _response(problem, headers_of(error))


def _line_problem(line: int, detail: str, pointer: str | None = None) -> LineProblem:
    shown_pointer = pointer and mask_keys_in_text(pointer)
    return LineProblem(line, mask_keys_in_text(detail), shown_pointer)


def _http_error_response(
    error: web.HTTPException, request_id: str | None
) -> web.Response:
    """Render an error that aiohttp raised; it keeps its own headers."""
    kept = {k: v for k, v in error.headers.items() if k in ("Allow", "Location")}
    code = HTTPStatus(error.status).phrase.lower().replace(" ", "-")
    title = HTTPStatus(error.status).phrase
    detail = error.text or f"{error.status}: {title}"
    problem = Problem(
        URN_PREFIX + code, title, error.status, detail, request_id=request_id
    )
    return _response(problem, kept)


def _response(problem: Problem, headers: Mapping[str, str]) -> web.Response:
    return web.Response(
        status=problem.status,
        body=msgspec.json.encode(problem),
        content_type=PROBLEM_MEDIA_TYPE,
        headers=dict(headers),
    )
