"""Commands as the device receives them, and results as it posts them."""

import base64
import binascii
from typing import Any, Self
from urllib.parse import parse_qs, urlencode

import attrs
import msgspec

from pushserver.simulate.quirks import Quirks, ResultFormat

JSON_TYPE = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"
OCTETS_TYPE = "application/octet-stream"


class DeviceError(Exception):
    """The device refuses; the message is its answer."""


@attrs.frozen(kw_only=True)
class ExecutionResult:
    """
    The outcome of a command: a response or an error.

    With `no_result`, the device posts nothing. Executing takes `delay` seconds, and the
    device does not poll for `offline_for` seconds afterwards.
    """

    response: Any = None
    error: str | None = None
    code: int = 1
    no_result: bool = False
    delay: float = 0.0
    offline_for: float = 0.0

    @property
    def payload(self) -> Any:
        """Return what the result carries: the response or the error's text."""
        return self.response if self.error is None else self.error


@attrs.frozen(kw_only=True)
class ReceivedCommand:
    """One command as it was handed out, with the uuid of the poll that got it."""

    endpoint: str
    verb: str = "POST"
    body: Any = None
    content_type: str = JSON_TYPE
    query_string: str = ""
    uuid: str | None = None

    @classmethod
    def parse(cls, answer: bytes, *, uuid: str | None) -> Self | None:
        """Return the command in a poll's answer; None for what firmware ignores."""
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
            content_type=str(fields.get("contentType", JSON_TYPE)),
            query_string=str(fields.get("queryString", "")),
            uuid=uuid,
        )

    @property
    def is_binary(self) -> bool:
        """Whether the body is bytes in base64."""
        return self.content_type.lower() == OCTETS_TYPE

    @property
    def query(self) -> dict[str, str]:
        """Return the parameters of the query string."""
        return {
            name: values[-1] for name, values in parse_qs(self.query_string).items()
        }

    def decode_bytes(self) -> bytes:
        """Return the bytes that the body stands for."""
        try:
            return base64.b64decode(str(self.body or ""), validate=True)
        except (binascii.Error, ValueError):
            raise DeviceError("The body is not base64") from None

    def decode_object(self) -> dict[str, Any]:
        """Return the JSON object that the body is; a string may hold it."""
        body = self.body
        if isinstance(body, str):
            try:
                body = msgspec.json.decode(body)
            except (msgspec.DecodeError, UnicodeEncodeError):
                raise DeviceError("The body is not JSON") from None
        if body is not None and not isinstance(body, dict):
            raise DeviceError("The body is not an object")
        return body or {}


def encode_result(result: ExecutionResult, quirks: Quirks) -> tuple[bytes, str | None]:
    """Return a result's body as a device with *quirks* writes it, and its type."""
    fields = _result_fields(result, quirks)
    if quirks.result_format is ResultFormat.FORM_FIELDS:
        return urlencode(
            {k: _as_text(v) for k, v in fields.items()}
        ).encode(), FORM_TYPE
    types = {
        ResultFormat.JSON: JSON_TYPE,
        ResultFormat.FORM_TYPE: FORM_TYPE,
        ResultFormat.NO_TYPE: None,
    }
    return msgspec.json.encode(fields), types[quirks.result_format]


def _result_fields(result: ExecutionResult, quirks: Quirks) -> dict[str, Any]:
    if result.error is not None:
        return {"error": result.error, "code": result.code}
    if quirks.stringified:
        return {"response": msgspec.json.encode(result.response).decode()}
    return {"response": result.response}


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
