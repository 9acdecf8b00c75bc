"""Answers of the server, and the errors that calls raise."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import attrs
import msgspec

#: A JSON object, as it is on the wire.
Json = dict[str, Any]


class ClientError(Exception):
    """Base of the errors of a call."""


class Unreachable(ClientError):
    """The server cannot be reached, or went away before it answered."""


class ApiError(ClientError):
    """
    The server refused; the attributes are those of its problem document.

    `lines` are the wrong lines of a file: each with `line`, `detail` and `pointer`.
    """

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.type = str(problem.get("type", "about:blank"))
        self.title = str(problem.get("title", f"HTTP {status}"))
        self.detail = str(problem.get("detail", ""))
        self.pointer: str | None = problem.get("pointer")
        self.lines: Sequence[Json] = problem.get("errors") or ()
        location = f" ({self.pointer})" if self.pointer else ""
        super().__init__((self.detail or self.title) + location)

    @property
    def is_transient(self) -> bool:
        """Whether the same call may succeed a moment later."""
        busy = HTTPStatus.TOO_MANY_REQUESTS
        return self.status == busy or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR


@attrs.frozen
class ApiResponse:
    """The status, headers and body of an answer."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> Json:
        """
        Return the decoded body.

        Raises:
            ApiError: the body is no JSON object, so it comes from another program.
        """
        try:
            return msgspec.json.decode(self.content, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError):
            detail = f"HTTP {self.status} without JSON. Is a pushserver there?"
            raise ApiError(self.status, {"detail": detail}) from None
