"""Parse posted results.

Format: Control iD, "Event: command result": `{"response": …}` or `{"error": "…"}`.
Real firmware sends `response` as an object or as a string that holds JSON, declares
wrong content types, and may send the same fields as a form. An unreadable body is a
result all the same: the device did answer.
"""

import json
import math
import re
from collections.abc import Callable
from urllib.parse import parse_qsl

import msgspec

from pushserver.model.parsed_result import ParsedResult

_FORM_FIELDS = {"response", "error", "code", "transactions_results"}
_EMPTY = (b"", b"null", b'""', b"false", b"0", b"{}", b"[]")
_SPACE = b" \t\r\n"
_MAX_CHECKED_BYTES = 1024 * 1024
_MAX_DEPTH = 200
_MAX_INT_DIGITS = 309
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NO_BRACKETS = bytes(b for b in range(256) if b not in b"[]{}")
#: Too large for a float, or for Python's own JSON parser.
_HUGE_NUMBER = re.compile(rb"[:,\[\s]-?(?:[0-9.]+[eE][+-]?[0-9]{3,}|[0-9]{309,})")


#: What a field holds that was left out: no bytes.
_MISSING = msgspec.Raw()


class _Envelope(msgspec.Struct):
    response: msgspec.Raw = _MISSING
    error: msgspec.Raw = _MISSING
    code: msgspec.Raw = _MISSING
    transactions_results: list[msgspec.Raw] | msgspec.UnsetType = msgspec.UNSET


class _Transaction(msgspec.Struct):
    success: bool = True
    response: msgspec.Raw = _MISSING
    error: msgspec.Raw = _MISSING
    code: msgspec.Raw = _MISSING


_decode_envelope = msgspec.json.Decoder(_Envelope).decode
_decode_transaction = msgspec.json.Decoder(_Transaction).decode
_decode_raw = msgspec.json.Decoder(msgspec.Raw).decode
_decode_string = msgspec.json.Decoder(str).decode


UNREADABLE = ParsedResult(unreadable=True)


def parse_result(body: bytes, content_encoding: str | None = None) -> ParsedResult:
    """Parse a body as JSON, then as a form; a compressed body is never inflated."""
    if (content_encoding or "identity").lower() != "identity":
        return UNREADABLE
    if not body.strip(_SPACE):
        return ParsedResult()
    for parse in _PARSERS:
        try:
            return parse(body)
        except (ValueError, RecursionError):
            continue
    return UNREADABLE


def _parse_json(body: bytes) -> ParsedResult:
    """Parse JSON; anything but an object is taken as the response itself."""
    body.decode()
    _check_readable(body)
    if body.lstrip(_SPACE)[:1] != b"{":
        return ParsedResult(response=_unwrap_json_string(bytes(_decode_raw(body))))
    return _from_envelope(_decode_envelope(body), whole_body=body)


def _check_readable(body: bytes) -> None:
    """
    Refuse JSON that common parsers cannot handle: huge numbers, deep nesting.

    They would break every list that shows them. Very large bodies are not checked.
    """
    if len(body) > _MAX_CHECKED_BYTES:
        return
    if _HUGE_NUMBER.search(body) is not None:
        raise ValueError("a number that is too large")
    if body.count(b"[") + body.count(b"{") > _MAX_DEPTH and _is_deep(body):
        raise ValueError("nested too deeply")


def _is_deep(body: bytes) -> bool:
    """Tell whether brackets nest too deeply, by removing pairs from the inside out."""
    brackets = _STRING.sub(b"", body).translate(None, delete=_NO_BRACKETS)
    for _ in range(_MAX_DEPTH):
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
        if not brackets:
            return False
    return True


def _parse_lenient_json(body: bytes) -> ParsedResult:
    """Parse what strict JSON rejects: NaN, 1e999, lone surrogates, Latin-1."""
    value = json.loads(
        _decode_text(body),
        parse_constant=lambda _: None,
        parse_float=_finite,
        parse_int=lambda digits: int(digits) if len(digits) < _MAX_INT_DIGITS else None,
    )
    clean = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _parse_json(clean.encode("utf-8", "replace"))


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _decode_text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return body.decode("latin-1")


def _parse_form(body: bytes) -> ParsedResult:
    """Parse form fields whose values are JSON or plain text."""
    pairs = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True)
    fields = {name: value for name, value in pairs if name in _FORM_FIELDS}
    if not fields:
        raise ValueError("no field of a result")
    envelope = b",".join(
        msgspec.json.encode(name) + b":" + _form_value_to_json(text)
        for name, text in fields.items()
    )
    return _from_envelope(_decode_envelope(b"{" + envelope + b"}"), whole_body=b"{}")


def _form_value_to_json(text: str) -> bytes:
    try:
        return bytes(_decode_raw(text.encode()))
    except ValueError:
        return msgspec.json.encode(text)


_PARSERS: tuple[Callable[[bytes], ParsedResult], ...] = (
    _parse_json,
    _parse_lenient_json,
    _parse_form,
)


def _from_envelope(envelope: _Envelope, *, whole_body: bytes) -> ParsedResult:
    if isinstance(envelope.transactions_results, list):
        return _from_transactions(envelope.transactions_results, whole_body)
    error = bytes(envelope.error).strip(_SPACE)
    code = bytes(envelope.code).strip(_SPACE) or None
    if error not in _EMPTY:
        return ParsedResult(error=error, code=code)
    response = (bytes(envelope.response) or whole_body).strip(_SPACE)
    return ParsedResult(response=_unwrap_json_string(response), code=code)


def _from_transactions(items: list[msgspec.Raw], whole_body: bytes) -> ParsedResult:
    """Parse a batch: of one it is that command's result; one failure fails it all."""
    results = [_decode_transaction(item) for item in items]
    failure = next((r for r in results if not r.success), None)
    if failure is not None:
        error = (bytes(failure.error) or bytes(failure.response)).strip(_SPACE)
        if error in _EMPTY:
            error = b'"The transaction failed."'
        code = bytes(failure.code).strip(_SPACE) or None
        return ParsedResult(error=error, code=code)
    if len(results) != 1:
        return ParsedResult(response=whole_body.strip(_SPACE))
    response = bytes(results[0].response).strip(_SPACE)
    return ParsedResult(response=_unwrap_json_string(response) if response else None)


def _unwrap_json_string(raw: bytes) -> bytes:
    """Return *raw*, or the JSON that it holds as a string."""
    if raw[:1] != b'"':
        return raw
    try:
        return bytes(_decode_raw(_decode_string(raw).encode()))
    except (ValueError, RecursionError):
        return raw
