"""Errors as callers see them.

PushServerError
├── Malformed            the request cannot be parsed
│   ├── UnsupportedMediaType
│   └── BrokenBody       its body is not what HTTP says
├── BodyTimeout          no byte of its body came for too long
├── LengthRequired       its body was not announced
├── Invalid              a field is wrong; `pointer` names it
│   └── IdempotencyMismatch
├── Unauthorized         no token, or one that is not valid
│   └── NoLongerValid    it was valid when the request came
├── Forbidden            the token may not do this
├── NotFound
├── BodyDeleted          its body is gone, and what it takes is not there any more
├── Conflict             well formed, but the current state does not allow it
│   ├── IdempotencyRunning
│   ├── IdempotencyUnknown
│   └── LimitReached     there is enough of it; something has to be deleted first
├── PreconditionFailed   it no longer has the version that the caller named
├── TooMany              there is no room for more right now; try again later
│   ├── QueueFull
│   └── TooManyWrongTokens
├── TooLarge
│   └── HeaderTooLarge   a header, or the address
├── Unavailable          the store is away; try again
│   └── Busy             nothing was done: there was no turn, time or room for it
└── Misconfigured        the server cannot start like this
    └── Outdated         the database has a schema that only newer releases can use

Messages are for people and safe to show: they never carry a payload or a secret.
`code` is for programs and never changes after a release.
"""

from collections.abc import Sequence
from typing import NamedTuple


class LineError(NamedTuple):
    """What is wrong with one line of a file, counted from one."""

    line: int
    detail: str
    pointer: str | None = None


class PushServerError(Exception):
    """
    Base of every error that a caller may see.

    With the error of a file come those of its `lines`.
    """

    code = "internal"
    title = "Internal error"

    def __init__(
        self,
        detail: str,
        *,
        pointer: str | None = None,
        lines: Sequence[LineError] = (),
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.pointer = pointer
        self.lines = lines


class Malformed(PushServerError):
    """The request cannot be parsed."""

    code = "malformed"
    title = "The request cannot be parsed"


class UnsupportedMediaType(Malformed):
    """The body has a media type or an encoding that the call does not accept."""

    code = "unsupported-media-type"
    title = "The body's type is not supported"


class BrokenBody(Malformed):
    """The body's chunks are not what HTTP says."""


class LengthRequired(PushServerError):
    """The head of the request did not say that a body would follow."""

    code = "length-required"
    title = "The request needs a Content-Length"


class BodyTimeout(PushServerError):
    """The body did not arrive whole: no byte of it came for too long."""

    code = "request-timeout"
    title = "The body did not arrive in time"


class Invalid(PushServerError):
    """A field has a value that is not allowed."""

    code = "invalid"
    title = "A field is wrong"


class IdempotencyMismatch(Invalid):
    """An Idempotency-Key was used before with a different request."""

    code = "idempotency-mismatch"
    title = "The Idempotency-Key was used with another request"


class Unauthorized(PushServerError):
    """There is no token, or it is not valid."""

    code = "unauthorized"
    title = "A valid token is needed"


class NoLongerValid(Unauthorized):
    """The token, or the session, was valid when the request came, and has ended."""

    def __init__(self) -> None:
        super().__init__(
            "This token was revoked or has expired by now, or its session is over."
        )


class Forbidden(PushServerError):
    """The token is valid but may not do this."""

    code = "forbidden"
    title = "The token may not do this"


class NotFound(PushServerError):
    """What the request names does not exist, or not for the caller."""

    code = "not-found"
    title = "Not found"


class BodyDeleted(PushServerError):
    """What the request names is kept, but its body was deleted for its age."""

    code = "body-deleted"
    title = "The body was deleted"


class Conflict(PushServerError):
    """The request is well formed, but the current state does not allow it."""

    code = "conflict"
    title = "The state does not allow this"


class IdempotencyRunning(Conflict):
    """The first request with this Idempotency-Key is still being answered."""

    code = "idempotency-running"
    title = "The first request with this Idempotency-Key is still running"


class IdempotencyUnknown(Conflict):
    """Nobody knows what came of the first request with this Idempotency-Key."""

    code = "idempotency-unknown"
    title = "The outcome of the first request with this Idempotency-Key is unknown"


class LimitReached(Conflict):
    """There are as many as may be; a bound is a setting."""

    code = "limit-reached"
    title = "There is no room for more"


class PreconditionFailed(PushServerError):
    """The resource no longer has the version that the caller named."""

    code = "precondition-failed"
    title = "It has another version now"


class TooMany(PushServerError):
    """There is no room for more right now; a bound is a setting."""

    code = "too-many"
    title = "Too many at once"


class QueueFull(TooMany):
    """As many commands wait as may."""

    code = "queue-full"
    title = "Too many commands wait"


class TooManyWrongTokens(TooMany):
    """Tokens that are not valid came from one address, and are answered slowly."""

    code = "too-many-wrong-tokens"
    title = "Too many wrong tokens"


class TooLarge(PushServerError):
    """A body is over the limit."""

    code = "too-large"
    title = "The body is too large"


class HeaderTooLarge(TooLarge):
    """A header, or the address, is over the limit."""

    code = "header-too-large"
    title = "The header is too large"


class Unavailable(PushServerError):
    """The store is unavailable; nothing unconfirmed was changed."""

    code = "unavailable"
    title = "The server cannot do this right now"


class Busy(Unavailable):
    """
    There is no turn, time or room for the request right now.

    Whoever raises it knows that nothing of the request was done: under the same
    Idempotency-Key it may be done yet.
    """


class Unwritten(Unavailable):
    """The server stopped, and could not write everything."""


class Misconfigured(PushServerError):
    """A setting is invalid or unsafe; the server refuses to start."""

    code = "misconfigured"
    title = "The server cannot start like this"


class Outdated(Misconfigured):
    """The database has a newer schema, over which this release must not work."""

    code = "outdated"
    title = "The database has a newer schema"
    #: What the process exits with, so that a supervisor knows that restarting is no
    #: use.
    exit_code = 3
