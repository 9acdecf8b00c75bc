"""Which responses say no, though the call itself succeeded.

Format: Control iD, "execute_actions" (`status`), "user_set_image" and
"user_set_image_list" (`success`, `errors`), "remote_enroll" (`success`).
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import attrs
import msgspec
from msgspec import Raw

from pushserver.protocols.controlid.order import normalize_endpoint

_FALSE = (b"false", b"0", b'"false"', b'"0"')
_EMPTY = (b"", b"null", b"[]", b"{}", b'""')
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
    return _text(fields, "status").strip(b'"').lower() == b"denied"


def _is_unsuccessful(fields: _Fields) -> bool:
    """Tell whether it failed; what does not say so has failed if it has errors."""
    if "success" in fields:
        return _text(fields, "success").lower() in _FALSE
    return _text(fields, "errors") not in _EMPTY


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


def find_refusal(response: bytes, endpoint: str) -> bytes | None:
    """
    Return where a response (JSON) says no, as JSON; None if it does not.

    Of a list these are the items that do, of a single object its errors.
    """
    rule = REFUSALS.get(normalize_endpoint(endpoint))
    if rule is None:
        return None
    fields = _object(response)
    items = _array(_text(fields, rule.items) if rule.items and fields else response)
    refused = [item for item in items if rule.is_refused(_object(item))]
    if refused:
        return _encode(refused)
    return _own_words(fields, response) if rule.is_refused(fields) else None


def _own_words(fields: _Fields, response: bytes) -> bytes:
    """Return the errors of an object that says no; without any, the whole of it."""
    errors = _text(fields, "errors")
    return response if errors in _EMPTY else errors


def _object(raw: bytes | Raw) -> _Fields:
    """Return an object's fields; anything else has none."""
    try:
        return _decode_fields(raw)
    except (msgspec.DecodeError, RecursionError):
        return {}


def _array(raw: bytes) -> list[Raw]:
    """Return an array's items; anything else has none."""
    try:
        return _decode_array(raw)
    except (msgspec.DecodeError, RecursionError):
        return []


def _text(fields: _Fields, name: str) -> bytes:
    """Return a field's JSON, empty if there is none."""
    return bytes(fields.get(name, b"")).strip()
