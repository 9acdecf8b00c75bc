"""Answers of the server."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import attrs
import msgspec

from pushserver.client.errors import ApiError

#: A JSON object, as it is on the wire.
Json = Mapping[str, Any]


#: The most digits of a whole number that Python reads.
_MAX_DIGITS = 4300


def read_object(content: bytes | str) -> dict[str, Any]:
    """
    Decode a JSON object; a whole number that is too long for Python is its text.

    Raises:
        ValueError: it is none.
        RecursionError: it is nested too deeply.
    """
    try:
        return msgspec.json.decode(content, type=dict[str, Any])
    except msgspec.ValidationError:
        # One such number, such as a device's, must not hide all else.
        value = json.loads(content, parse_int=_read_int)
        if not isinstance(value, dict):
            raise
        return value


def _read_int(digits: str) -> int | str:
    return int(digits) if len(digits) <= _MAX_DIGITS else digits


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
            return read_object(self.content)
        except (ValueError, RecursionError):
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
