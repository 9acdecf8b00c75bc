"""Read what devices post of their commands.

Format: Control iD, "Event: command result": `{"response": …}` or `{"error": "…"}`.
Real firmware sends `response` as an object or as a string that holds JSON, declares
content types that are wrong, and may send the same fields as a form. What it spoils is
read as far as it can be (`sloppy_json`). A success is only what can be read as one, and
what says nothing that is understood is unreadable. An error is the body's, its
response's, or that of an object in a list of them; what stands deeper is data.
"""

import re
from collections.abc import Callable

import msgspec
from msgspec import UNSET, Raw, UnsetType

from pushserver.model.parsed_result import ParsedResult
from pushserver.protocols.controlid.json_values import (
    is_empty,
    is_true,
    may_deny,
    read_whole_json,
    unwrap_json_string,
)
from pushserver.protocols.controlid.sloppy_json import (
    check_json,
    decode_text,
    read_json,
)

_OUTCOME_FIELDS = frozenset({"response", "error", "transactions_results"})
_FAILURE_FIELDS = frozenset({"error", "code"})
_FORM_FIELDS = _OUTCOME_FIELDS | _FAILURE_FIELDS
_SPACE = b" \t\r\n"
#: A longer response is not searched for an error of its own: it has something to say.
_MAX_ERROR_BYTES = 1024 * 1024
_GZIP = b"\x1f\x8b"
#: A name of the vendor's; any other one may have been `error`, and is spoilt.
_NAME = re.compile(r"[\w.-]+", re.ASCII)
_PAIR = re.compile(r"([^=&]++)(=?)([^&]*+)")
_ESCAPE = re.compile(rb"%([0-9a-fA-F]{2})")
#: `error`, or a name that may be it, with letters that are escaped.
_ERROR_NAME = re.compile(rb'"error"|\\u00(?:65|72|6[fF])')
#: A form with more fields is none of a device's: it has four at the most.
MAX_PAIRS = 1000

_Field = Raw | UnsetType


class _Envelope(msgspec.Struct):
    response: _Field = UNSET
    error: _Field = UNSET
    code: _Field = UNSET
    transactions_results: _Field = UNSET


class _Transaction(msgspec.Struct):
    success: Raw
    response: _Field = UNSET
    error: _Field = UNSET
    code: _Field = UNSET


class _Name:
    """A name that equals no other one: a dictionary keeps all of its pairs."""

    def __init__(self, text: str) -> None:
        self.text = text


_decode_envelope = msgspec.json.Decoder(_Envelope).decode
_decode_transaction = msgspec.json.Decoder(_Transaction).decode
_decode_array = msgspec.json.Decoder(list[Raw]).decode
_decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_pairs = msgspec.json.Decoder(
    dict[_Name, Raw], dec_hook=lambda _type, text: _Name(text)
).decode
_encode = msgspec.json.Encoder().encode

UNREADABLE = ParsedResult(unreadable=True)


def parse_result(body: bytes, content_encoding: str | None = None) -> ParsedResult:
    """Read a body as JSON, then as a form; a compressed body is never inflated."""
    is_encoded = (content_encoding or "identity").lower() != "identity"
    if is_encoded or body.startswith(_GZIP):
        return UNREADABLE
    if not body.strip(_SPACE):
        return ParsedResult()
    try:
        body.decode()
        check_json(body)
        return _parse_json(body)
    except (ValueError, RecursionError):
        return _parse_spoilt(decode_text(body))


def _parse_spoilt(text: str) -> ParsedResult:
    for parse in _PARSERS:
        try:
            return parse(text)
        except (ValueError, RecursionError):
            continue
    return UNREADABLE


def _parse_json(body: bytes) -> ParsedResult:
    """Parse JSON; anything but an object is taken as the response itself."""
    if body.lstrip(_SPACE)[:1] != b"{":
        response = bytes(msgspec.json.decode(body, type=Raw))
        return _from_response(unwrap_json_string(response))
    envelope = _read_envelope(body)
    if envelope.response is envelope.transactions_results is UNSET:
        _check_names(body)
    return _from_envelope(envelope, whole_body=body)


def _read_envelope(raw: bytes | Raw) -> _Envelope:
    envelope, text = _decode_envelope(raw), bytes(raw)
    _refuse_doubled(text, "response", "transactions_results")
    envelope.error = _first_error(envelope.error, text)
    return envelope


def _refuse_doubled(raw: bytes, *names: str) -> None:
    """Refuse an object that says one thing twice, and not the same."""
    for name in names:
        if raw.count(f'"{name}"'.encode()) > 1:
            pairs = _decode_pairs(raw).items()
            if len({bytes(value) for each, value in pairs if each.text == name}) > 1:
                raise ValueError("two answers to one question")


def _first_error(last: _Field, raw: bytes) -> _Field:
    """
    Return the first error of an object that says one; else the last, which is empty.

    The decoder keeps the last of doubled names: an empty one would hide what failed.
    """
    if _unless_empty(last) is not None or raw.count(b'"error"') < 2:  # noqa: PLR2004
        return last
    pairs = _decode_pairs(raw).items()
    errors = (value for name, value in pairs if name.text == "error")
    return next(filter(_unless_empty, errors), last)


def _check_names(body: bytes) -> None:
    """Refuse an object with a name that is none of the vendor's, or almost `error`."""
    for name in _decode_fields(body):
        if not _NAME.fullmatch(name) or (name != "error" and name.lower() == "error"):
            raise ValueError("a name that is spoilt")


def _parse_mended(text: str) -> ParsedResult:
    """Parse JSON that may have to be mended, and what follows it."""
    body, rest = read_json(text)
    parsed = _parse_json(body)
    if not parsed.failed and may_deny(rest):
        raise ValueError("a success, and then something else")
    return parsed


def _parse_form(text: str) -> ParsedResult:
    """Parse form fields whose values are JSON or plain text."""
    fields = _form_fields(text)
    if not fields.keys() & _OUTCOME_FIELDS:
        raise ValueError("no field of a result")
    values = {name: _form_value_to_json(name, value) for name, value in fields.items()}
    if "response" not in fields and fields.get("error", "").strip():
        # All that was said is an error, be it "0".
        error = values["error"]
        values["error"] = _encode(fields["error"]) if is_empty(error) else error
    envelope = _encode({name: Raw(value) for name, value in values.items()})
    return _from_envelope(_decode_envelope(envelope), whole_body=b"{}")


def _form_fields(text: str) -> dict[str, str]:
    """Return the fields that results have; of doubled ones the first that is given."""
    fields: dict[str, str] = {}
    for count, pair in enumerate(_PAIR.finditer(text)):
        name, has_value, value = pair.groups()
        if count == MAX_PAIRS or not (has_value and _NAME.fullmatch(_form_text(name))):
            raise ValueError("no form")
        if name in _FORM_FIELDS and not fields.get(name):
            fields[name] = _form_text(value)
    return fields


def _form_text(escaped: str) -> str:
    # Python's own `unquote` makes a list of all pieces, which takes long to drop.
    raw = escaped.replace("+", " ").encode()
    return decode_text(_ESCAPE.sub(lambda escape: bytes((int(escape[1], 16),)), raw))


def _form_value_to_json(name: str, text: str) -> bytes:
    try:
        return read_whole_json(text)
    except (ValueError, RecursionError):
        if name != "error" and text[:1] in ("{", "["):
            raise ValueError("JSON that is cut off") from None
        return _encode(text)


_PARSERS: tuple[Callable[[str], ParsedResult], ...] = (_parse_mended, _parse_form)


def _from_envelope(envelope: _Envelope, *, whole_body: bytes) -> ParsedResult:
    error, code = _unless_empty(envelope.error), _raw_or_none(envelope.code)
    if error is not None:
        return ParsedResult(error=error, code=code)
    response = _raw_or_none(envelope.response)
    if response is not None:
        parsed = _from_response(unwrap_json_string(response), code)
        if parsed.failed or envelope.transactions_results is UNSET:
            return parsed
    if envelope.transactions_results is not UNSET:
        return _from_transactions(envelope.transactions_results, whole_body)
    if (
        code
        and not is_empty(code)
        and _decode_fields(whole_body).keys() <= _FAILURE_FIELDS
    ):
        # The code of an error without words.
        return ParsedResult(error=code, code=code)
    return _from_response(whole_body.strip(_SPACE), code)


def _from_response(response: bytes, code: bytes | None = None) -> ParsedResult:
    """Return what a response says: an error, if it is an object or a list with one."""
    if len(response) > _MAX_ERROR_BYTES or _ERROR_NAME.search(response) is None:
        return ParsedResult(response=response, code=code)
    items = _decode_array(response) if response[:1] == b"[" else [Raw(response)]
    for item in items:
        if bytes(item)[:1] == b"{":
            inner = _read_envelope(item)
            error = _unless_empty(inner.error)
            if error is not None:
                return ParsedResult(error=error, code=_raw_or_none(inner.code) or code)
    return ParsedResult(response=response, code=code)


def _from_transactions(raw: Raw, whole_body: bytes) -> ParsedResult:
    """Parse a batch: of one it is that command's result; one failure fails it all."""
    array = unwrap_json_string(bytes(raw).strip(_SPACE))
    items = map(_read_transaction, _decode_array(array))
    results = [_from_transaction(item) for item in items]
    if not results:
        raise ValueError("a batch without a result")
    failure = next((each for each in results if each.failed), None)
    if failure is not None:
        return failure
    if len(results) != 1:
        return ParsedResult(response=whole_body.strip(_SPACE))
    return results[0]


def _read_transaction(raw: Raw) -> _Transaction:
    transaction, text = _decode_transaction(raw), bytes(raw)
    _refuse_doubled(text, "success", "response")
    transaction.error = _first_error(transaction.error, text)
    return transaction


def _from_transaction(transaction: _Transaction) -> ParsedResult:
    """Read one command's part of a batch."""
    response, code = _raw_or_none(transaction.response), _raw_or_none(transaction.code)
    error = _unless_empty(transaction.error)
    if error is None and not is_true(bytes(transaction.success)):
        error = _unless_empty(transaction.response) or b'"The transaction failed."'
    if error is not None:
        return ParsedResult(error=error, code=code)
    if response is None:
        return ParsedResult()
    return _from_response(unwrap_json_string(response))


def _raw_or_none(raw: _Field) -> bytes | None:
    return None if isinstance(raw, UnsetType) else bytes(raw).strip(_SPACE)


def _unless_empty(raw: _Field) -> bytes | None:
    """Return a field unless it is left out, or says nothing."""
    if isinstance(raw, UnsetType):
        return None
    text = bytes(raw).strip(_SPACE)
    return None if is_empty(text) else text
