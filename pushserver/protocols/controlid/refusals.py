"""Which responses say no, though the call itself succeeded.

Format: Control iD, "execute_actions" (`status`), "user_set_image" and
"user_set_image_list" (`success`, `errors`), "remote_enroll" (`success`).
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import attrs
import msgspec
from msgspec import Raw

from pushserver.protocols.controlid.json_values import (
    is_empty,
    is_false,
    is_true,
    unwrap_json_string,
)
from pushserver.protocols.controlid.order import normalize_endpoint

_Fields = Mapping[str, Raw]

_decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_array = msgspec.json.Decoder(list[Raw]).decode
_encode = msgspec.json.Encoder().encode


@attrs.frozen
class RefusalRule:
    """
    Where the responses of an endpoint say no: in `field` of an object.

    `items` is the list whose objects have it; without one it is the response itself.
    """

    field: str
    is_refused: Callable[[_Fields], bool]
    items: str | None = None


def _is_denied(fields: _Fields) -> bool:
    return _text(fields, "status").strip(b'" ').lower() == b"denied"


def _is_unsuccessful(fields: _Fields) -> bool:
    """Tell whether it failed; what says neither yes nor no has if it has errors."""
    success = _text(fields, "success")
    if is_true(success) or is_false(success):
        return is_false(success)
    return not (is_empty(_text(fields, "errors")) and is_empty(_text(fields, "error")))


#: How many batches a response may be in, one in the other; devices know of one.
MAX_BATCHES = 8

#: Every other endpoint reports what fails as an error.
REFUSALS: Mapping[str, RefusalRule] = MappingProxyType(
    {
        "execute_actions": RefusalRule("status", _is_denied, items="actions"),
        "user_set_image": RefusalRule("success", _is_unsuccessful),
        "user_set_image_list": RefusalRule(
            "success", _is_unsuccessful, items="results"
        ),
        "remote_enroll": RefusalRule("success", _is_unsuccessful),
    }
)


def may_refuse(endpoint: str) -> bool:
    """Tell whether responses to *endpoint* can say no."""
    return normalize_endpoint(endpoint) in REFUSALS


def find_refusal(response: bytes, endpoint: str, batches: int = 0) -> bytes | None:
    """
    Return where a response (JSON) says no, as JSON; None if it does not.

    Of a list these are the items that do, of a single object its errors. What is in
    more *batches* than there can be is taken for a no.
    """
    rule = REFUSALS.get(normalize_endpoint(endpoint))
    if rule is None:
        return None
    fields = _object(response)
    if "transactions_results" in fields:
        if batches >= MAX_BATCHES:
            return response
        return _find_in_batch(fields, endpoint, batches + 1)
    items = _items(_text(fields, rule.items)) if rule.items else []
    items = items or _array(response)
    refused = [item for item in items if rule.is_refused(_object(item))]
    if refused:
        return _encode(refused)
    return _own_words(fields, response) if rule.is_refused(fields) else None


def _find_in_batch(fields: _Fields, endpoint: str, batches: int) -> bytes | None:
    """Return where one of several responses says no."""
    transactions = _text(fields, "transactions_results")
    responses = (_text(_object(each), "response") for each in _array(transactions))
    refusals = (find_refusal(_unwrapped(each), endpoint, batches) for each in responses)
    return next((each for each in refusals if each is not None), None)


def _own_words(fields: _Fields, response: bytes) -> bytes:
    """Return the errors of an object that says no; without any, the whole of it."""
    errors = _text(fields, "errors")
    return response if is_empty(errors) else errors


def _object(raw: bytes | Raw) -> _Fields:
    """Return an object's fields; anything else has none."""
    try:
        return _decode_fields(_unwrapped(raw))
    except (msgspec.DecodeError, RecursionError):
        return {}


def _items(raw: bytes) -> list[Raw]:
    """Return an array's items; an object is an only one."""
    text = _unwrapped(raw)
    return [Raw(text)] if text[:1] == b"{" else _array(text)


def _array(raw: bytes) -> list[Raw]:
    """Return an array's items; anything else has none."""
    try:
        return _decode_array(_unwrapped(raw))
    except (msgspec.DecodeError, RecursionError):
        return []


def _unwrapped(raw: bytes | Raw) -> bytes:
    """Return a value, or what it holds as a string of JSON."""
    try:
        return unwrap_json_string(bytes(raw))
    except ValueError:
        return b""


def _text(fields: _Fields, name: str) -> bytes:
    """Return a field's JSON, empty if there is none."""
    return bytes(fields.get(name, b"")).strip()
