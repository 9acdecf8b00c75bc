"""A command as the device gets it, and what it sends back, written on the wire."""

import base64
import binascii
from typing import Any, Self
from urllib.parse import parse_qs, urlencode

import attrs
import msgspec

from pushserver.simulate.habits import Form, Habits

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
OCTETS = "application/octet-stream"


class Refused(Exception):
    """The device will not do that; the message is what it answers."""


@attrs.frozen(kw_only=True)
class Outcome:
    """
    What came of a command: a response or an error.

    A `silent` one yields no result at all. The device takes `after` seconds for it,
    and does not poll for `quiet` seconds afterwards.
    """

    response: Any = None
    error: str | None = None
    code: int = 1
    silent: bool = False
    after: float = 0.0
    quiet: float = 0.0

    @property
    def said(self) -> Any:
        """Return what the result carries: the response or the error's text."""
        return self.response if self.error is None else self.error


@attrs.frozen(kw_only=True)
class Order:
    """One command as it was handed out, with the uuid of the poll that got it."""

    endpoint: str
    verb: str = "POST"
    body: Any = None
    content_type: str = JSON
    query_string: str = ""
    uuid: str | None = None

    @classmethod
    def read(cls, answer: bytes, *, uuid: str | None) -> Self | None:
        """Return the order in a poll's answer; None for what firmware ignores."""
        try:
            fields = msgspec.json.decode(answer)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        if not isinstance(fields, dict) or not fields.get("endpoint"):
            return None
        return cls(
            endpoint=str(fields["endpoint"]),
            verb=str(fields.get("verb", "POST")),
            body=fields.get("body"),
            content_type=str(fields.get("contentType", JSON)),
            query_string=str(fields.get("queryString", "")),
            uuid=uuid,
        )

    @property
    def is_octets(self) -> bool:
        """Whether the body is bytes, written in base64."""
        return self.content_type.lower() == OCTETS

    @property
    def query(self) -> dict[str, str]:
        """Return the parameters of the query string."""
        return {
            name: values[-1] for name, values in parse_qs(self.query_string).items()
        }

    def content(self) -> bytes:
        """Return the bytes that the body stands for."""
        try:
            return base64.b64decode(str(self.body or ""), validate=True)
        except (binascii.Error, ValueError):
            raise Refused("The body is not base64") from None

    def fields(self) -> dict[str, Any]:
        """Return the JSON object that the body is; a string may hold it."""
        body = self.body
        if isinstance(body, str):
            try:
                body = msgspec.json.decode(body)
            except (msgspec.DecodeError, UnicodeEncodeError):
                raise Refused("The body is not JSON") from None
        if body is not None and not isinstance(body, dict):
            raise Refused("The body is not an object")
        return body or {}


def written(outcome: Outcome, habits: Habits) -> tuple[bytes, str | None]:
    """Return a result's body as a device with these habits writes it, and its type."""
    fields = _fields(outcome, habits)
    if habits.form is Form.FORM_FIELDS:
        return urlencode({k: _text(v) for k, v in fields.items()}).encode(), FORM
    types = {Form.JSON: JSON, Form.FORM_TYPE: FORM, Form.NO_TYPE: None}
    return msgspec.json.encode(fields), types[habits.form]


def _fields(outcome: Outcome, habits: Habits) -> dict[str, Any]:
    if outcome.error is not None:
        return {"error": outcome.error, "code": outcome.code}
    if habits.stringified:
        return {"response": msgspec.json.encode(outcome.response).decode()}
    return {"response": outcome.response}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
