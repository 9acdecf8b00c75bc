"""Answers of the server."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import attrs
import msgspec

from pushserver.client.errors import ApiError

#: A JSON object, as it is on the wire.
Json = Mapping[str, Any]


@attrs.frozen
class ApiResponse:
    """The status, headers and body of an answer."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> dict[str, Any]:
        """
        Return the decoded body.

        Raises:
            ApiError: the body is no JSON object, so it comes from another program.
        """
        try:
            return msgspec.json.decode(self.content, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            detail = f"HTTP {self.status} without JSON. Is a pushserver there?"
            raise ApiError(self.status, {"detail": detail}, self.retry_after) from None

    @property
    def retry_after(self) -> float | None:
        """After how many seconds another try is worth it, if the server says so."""
        seconds = self.headers.get("Retry-After", "")
        return float(seconds) if seconds.isdecimal() else None

    def raise_for_status(self) -> None:
        """
        Do nothing if the server did what it was asked for.

        Raises:
            ApiError: it refused.
        """
        if HTTPStatus.MULTIPLE_CHOICES <= self.status < HTTPStatus.BAD_REQUEST:
            there = self.headers.get("Location", "nowhere")
            detail = f"HTTP {self.status} leads to {there}: give that address."
            raise ApiError(self.status, {"detail": detail})
        if self.status >= HTTPStatus.BAD_REQUEST:
            raise ApiError(self.status, self.json(), self.retry_after)
