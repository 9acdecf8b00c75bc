"""Query parameters of the API: decoded, and as the numbers that they stand for."""

from typing import Any

import msgspec
from multidict import MultiMapping

from pushserver.errors import Invalid
from pushserver.model.ids import parse_int64
from pushserver.web.json_body import invalid_from_msgspec

MAX_PAGE_SIZE = 1000
#: Seconds that a call may wait for an outcome.
MAX_WAIT = 60.0


def decode_query(query: MultiMapping[str], query_type: Any) -> Any:
    """
    Decode a query's parameters; only a parameter that is a list may be repeated.

    Raises:
        Invalid: a parameter is wrong, unknown or repeated.
    """
    list_names = {
        field.encode_name
        for field in msgspec.structs.fields(query_type)
        if getattr(field.type, "__origin__", None) is list
    }
    values: dict[str, Any] = {}
    for name, value in query.items():
        if name in list_names:
            values.setdefault(name, []).extend(value.split(","))
        elif name in values:
            raise Invalid("This parameter is given twice.", pointer=f"/{name}")
        else:
            values[name] = value
    try:
        return msgspec.convert(values, query_type, strict=False)
    except msgspec.ValidationError as error:
        raise invalid_from_msgspec(error) from None


def optional_int64(text: str | None, name: str) -> int | None:
    """
    Return the number in the parameter *name*; None if it is not given.

    Raises:
        Invalid: the number does not fit into 64 bits.
    """
    if text is None:
        return None
    return parse_int64(text, field_name=name, pointer=f"/{name}")


def cap_limit(limit: int) -> int:
    """Return the size of a page for which a client asks *limit* items."""
    return min(limit, MAX_PAGE_SIZE)
