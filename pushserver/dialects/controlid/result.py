"""What a posted result says.

Format: Control iD, "Event: command result": `{"response": …}` or `{"error": "…"}`.
In the field `response` is an object or a string that holds JSON, the content type
cannot be trusted, and a form may carry the same fields. What cannot be read is a
result all the same: the device did answer.
"""

import json
import math
import re
from collections.abc import Callable
from urllib.parse import parse_qsl

import msgspec

from pushserver.model.reading import Reading

_FORM_FIELDS = {"response", "error", "code", "transactions_results"}
_EMPTY = (b"null", b'""', b"false", b"0", b"{}", b"[]")
_SPACE = b" \t\r\n"
_LOOKED_THROUGH = 1024 * 1024
_DEEPEST = 200
_LONG = 309
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NO_BRACKETS = bytes(b for b in range(256) if b not in b"[]{}")
#: Beyond what a float, or Python's own reader, can hold.
_HUGE_NUMBER = re.compile(rb"[:,\[\s]-?(?:[0-9.]+[eE][+-]?[0-9]{3,}|[0-9]{309,})")


class _Envelope(msgspec.Struct):
    response: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    code: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    transactions_results: list[msgspec.Raw] | msgspec.UnsetType = msgspec.UNSET


class _Transaction(msgspec.Struct):
    success: bool = True
    response: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    code: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_envelope = msgspec.json.Decoder(_Envelope).decode
_transaction = msgspec.json.Decoder(_Transaction).decode
_raw = msgspec.json.Decoder(msgspec.Raw).decode
_string = msgspec.json.Decoder(str).decode


UNREADABLE = Reading(unreadable=True)


def read(body: bytes, content_encoding: str | None = None) -> Reading:
    """Read a posted body: as JSON, then as a form; a compressed one is not opened."""
    if (content_encoding or "identity").lower() != "identity":
        return UNREADABLE
    if not body.strip(_SPACE):
        return Reading()
    for attempt in _WAYS:
        try:
            return attempt(body)
        except (ValueError, RecursionError):
            continue
    return UNREADABLE


def _strict(body: bytes) -> Reading:
    """Read JSON; a value that is no such object is the response itself."""
    body.decode()
    _check_readable(body)
    if body.lstrip(_SPACE)[:1] != b"{":
        return Reading(response=_shown(bytes(_raw(body))))
    return _reading(_envelope(body), whole=body)


def _check_readable(body: bytes) -> None:
    """
    Refuse what is JSON but more than the usual readers of JSON can take.

    It would spoil every list that shows it. Very large bodies are not looked through.
    """
    if len(body) > _LOOKED_THROUGH:
        return
    if _HUGE_NUMBER.search(body) is not None:
        raise ValueError("a number that is too large")
    if body.count(b"[") + body.count(b"{") > _DEEPEST and _is_deep(body):
        raise ValueError("nested too deeply")


def _is_deep(body: bytes) -> bool:
    """Tell whether brackets are nested deeper than allowed: peel them off."""
    brackets = _STRING.sub(b"", body).translate(None, delete=_NO_BRACKETS)
    for _ in range(_DEEPEST):
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
        if not brackets:
            return False
    return True


def _lenient(body: bytes) -> Reading:
    """Read what JSON forbids or few can hold: NaN, 1e999, lone surrogates, Latin-1."""
    value = json.loads(
        _decoded(body),
        parse_constant=lambda _: None,
        parse_float=_finite,
        parse_int=lambda digits: int(digits) if len(digits) < _LONG else None,
    )
    clean = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _strict(clean.encode("utf-8", "replace"))


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _decoded(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return body.decode("latin-1")


def _form(body: bytes) -> Reading:
    """Read form fields whose values are JSON, or plain text."""
    pairs = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True)
    fields = {name: value for name, value in pairs if name in _FORM_FIELDS}
    if not fields:
        raise ValueError("no field of a result")
    envelope = b",".join(
        msgspec.json.encode(name) + b":" + _value(text) for name, text in fields.items()
    )
    return _reading(_envelope(b"{" + envelope + b"}"), whole=b"{}")


def _value(text: str) -> bytes:
    try:
        return bytes(_raw(text.encode()))
    except ValueError:
        return msgspec.json.encode(text)


_WAYS: tuple[Callable[[bytes], Reading], ...] = (_strict, _lenient, _form)


def _reading(envelope: _Envelope, *, whole: bytes) -> Reading:
    if isinstance(envelope.transactions_results, list):
        return _transactions(envelope.transactions_results, whole)
    error = _given(envelope.error)
    if error is not None and error not in _EMPTY:
        return Reading(error=error, code=_given(envelope.code))
    response = _given(envelope.response)
    return Reading(
        response=_shown(whole.strip(_SPACE) if response is None else response),
        code=_given(envelope.code),
    )


def _transactions(items: list[msgspec.Raw], whole: bytes) -> Reading:
    """A batch of one answers a single command; one failure in it is a failure."""
    results = [_transaction(item) for item in items]
    bad = next((r for r in results if not r.success), None)
    if bad is not None:
        said = _given(bad.error) or _given(bad.response)
        error = b'"The transaction failed."' if said in (None, *_EMPTY) else said
        return Reading(error=error, code=_given(bad.code))
    if len(results) != 1:
        return Reading(response=whole.strip(_SPACE))
    response = _given(results[0].response)
    return Reading(response=None if response is None else _shown(response))


def _given(raw: msgspec.Raw | msgspec.UnsetType) -> bytes | None:
    return None if isinstance(raw, msgspec.UnsetType) else bytes(raw).strip(_SPACE)


def _shown(raw: bytes) -> bytes:
    """Return *raw*, or the JSON that it holds as a string."""
    if raw[:1] != b'"':
        return raw
    try:
        return bytes(_raw(_string(raw).encode()))
    except (ValueError, RecursionError):
        return raw
