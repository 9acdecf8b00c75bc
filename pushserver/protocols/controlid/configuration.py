"""A device's services are its configuration modules; all values are strings.

Format: Control iD, "set_configuration" and "get_configuration". A write is atomic; a
read lists the keys of each module.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from math import isfinite
from typing import Any

import msgspec

from pushserver.errors import Invalid
from pushserver.model.ids import MAX_INT64
from pushserver.model.order import Order
from pushserver.model.shadow import PropertyValue
from pushserver.protocols.controlid.order import make_order

_encode = msgspec.json.Encoder().encode
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode = msgspec.json.Decoder().decode
_KINDS = {type(None): "null", list: "an array", dict: "an object"}


def format_value(value: object) -> str:
    """
    Return *value* as the device stores it: booleans as 1 and 0.

    Raises:
        Invalid: the device cannot store such a value.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int) and abs(value) <= MAX_INT64:
        return str(value)
    if isinstance(value, float) and isfinite(value):
        return _plain(value)
    kind = _KINDS.get(type(value), "a number out of range")
    raise Invalid(f"The device has only strings, numbers and switches; this is {kind}.")


def _plain(value: float) -> str:
    """Return a number without an exponent and without trailing zeros."""
    digits = format(Decimal(repr(value)), "f")
    short = digits.rstrip("0").rstrip(".") if "." in digits else digits
    return "0" if short == "-0" else short


def write_order(service_id: str, properties: Mapping[str, PropertyValue]) -> Order:
    """Return the order that writes these properties, all or none of them."""
    body = {
        service_id: {name: format_value(value) for name, value in properties.items()}
    }
    return make_order(endpoint="set_configuration", body=_encode(body))


def address_order(url: str) -> Order:
    """Return the order after which a device calls the server at *url*."""
    return write_order(
        "push_server",
        {
            "push_remote_address": url,
            "push_request_timeout": "30000",
            "push_request_period": "5",
        },
    )


def read_order(service_id: str, keys: Iterable[str]) -> Order:
    """Return the order that reads these properties."""
    body = {service_id: sorted(keys)}
    return make_order(endpoint="get_configuration", body=_encode(body))


def parse_reported(response: bytes, service_id: str) -> dict[str, str] | None:
    """Return the service's properties in a response (JSON), None if it has none."""
    try:
        properties = _decode_object(response).get(service_id)
        fields = None if properties is None else _decode_object(properties)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if fields is None:
        return None
    return {name: _format_reported(value) for name, value in fields.items()}


def _format_reported(raw: msgspec.Raw) -> str:
    """
    Return a value as a string, even if the firmware sent another JSON type.

    What cannot be read, such as a number over any float, is what was sent.
    """
    try:
        value: Any = _decode(raw)
        return format_value(value)
    except (Invalid, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return bytes(raw).decode("utf-8", "replace")
