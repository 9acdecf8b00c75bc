"""The errors of calls; `ClientError` is the base of them all."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pushserver.client.types import LineProblem

_PROBLEM = "urn:pushserver:problem:"


class ClientError(Exception):
    """Base of the errors of a call: catch it for all of them."""


class InvalidServer(ClientError, ValueError):
    """The address that was given is none of a server."""


class Unreachable(ClientError):
    """
    The server cannot be reached, or went away before it answered.

    `may_have_arrived` tells whether the call may have been carried out all the same:
    false if no connection was made.
    """

    def __init__(self, message: str, *, may_have_arrived: bool = False) -> None:
        super().__init__(message)
        self.may_have_arrived = may_have_arrived


class ApiError(ClientError):
    """
    The server refused; the attributes are those of its problem document.

    `status` is the one of HTTP, `type` what went wrong (the same for ever), `title`
    what that is, `detail` what was wrong here, `pointer` the field. `lines` are the
    wrong lines of a file: each with `line`, `detail` and `pointer`. `request_id` finds
    the call in the server's log. `retry_after` is after how many seconds another try is
    worth it, where the server says so.
    """

    def __init__(
        self,
        status: int,
        problem: Mapping[str, Any],
        retry_after: float | None = None,
    ) -> None:
        self.status = status
        self.type = str(problem.get("type", "about:blank"))
        self.title = str(problem.get("title", f"HTTP {status}"))
        self.detail = str(problem.get("detail", ""))
        self.pointer: str | None = problem.get("pointer")
        self.lines: Sequence[LineProblem] = problem.get("errors") or ()
        self.request_id: str | None = problem.get("requestId")
        self.retry_after = retry_after
        location = f" ({self.pointer})" if self.pointer else ""
        super().__init__((self.detail or self.title) + location)

    @property
    def code(self) -> str:
        """The end of `type`, such as `not-found`: what programs compare."""
        return self.type.removeprefix(_PROBLEM)

    @property
    def is_transient(self) -> bool:
        """Whether the same call may succeed a moment later."""
        busy = HTTPStatus.TOO_MANY_REQUESTS
        return self.status == busy or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR


class WaitTimeout(ClientError, TimeoutError):
    """
    What was waited for was not over in time; it goes on.

    `latest` is what it was last.
    """

    def __init__(self, latest: Any, seconds: float) -> None:
        state = latest.get("state") or latest.get("status")
        super().__init__(f"{latest['id']} is still {state} after {seconds:g} s.")
        self.latest = latest
