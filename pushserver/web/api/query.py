"""
Query parameters of the API: decoded, and as the numbers that they stand for.

They are taken as strictly as the fields of a body: a program whose parameter is ignored
gets an answer to another question than it asked.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import Enum, auto
from functools import lru_cache
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec
from msgspec import Meta
from multidict import MultiMapping

from pushserver.errors import Invalid
from pushserver.model.ids import parse_int64
from pushserver.model.storable_text import storable_text
from pushserver.web.api.types import In
from pushserver.web.device_url import mask_keys
from pushserver.web.field_errors import INSTANT, invalid_from_msgspec

MAX_PAGE_SIZE = 1000
#: Seconds that a call may wait for an outcome.
MAX_WAIT = 60.0
#: At most this many characters of an unknown parameter's name are shown.
_MAX_SHOWN_LENGTH = 100


class NoQuery(In):
    """The query of a call without parameters."""


NO_QUERY = NoQuery()


class _Kind(Enum):
    """How a parameter is read."""

    SCALAR = auto()
    LIST = auto()
    REPEATED = auto()
    INSTANT = auto()


def decode_query(query: MultiMapping[str], query_type: Any, hint: str = "") -> Any:
    """
    Decode a query's parameters; only those of lists and of tuples may be repeated.

    A list may also be given at once, with commas; what a tuple has may contain them.
    *hint* follows on what is said of a parameter that is not known.

    Raises:
        Invalid: a parameter is wrong, unknown or repeated.
    """
    kinds = _parameter_kinds(query_type)
    values: dict[str, Any] = {}
    for name, value in query.items():
        kind = kinds.get(name)
        if kind is None:
            raise _unknown_parameter(name, hint)
        if kind is _Kind.LIST:
            values.setdefault(name, []).extend(value.split(","))
        elif kind is _Kind.REPEATED:
            values.setdefault(name, []).append(value)
        elif name in values:
            raise Invalid("This parameter is given twice.", pointer=f"/{name}")
        else:
            is_instant = kind is _Kind.INSTANT
            values[name] = _decode_instant(name, value) if is_instant else value
    types = _given_types(query_type)
    given = {name: _decode(name, text, types[name]) for name, text in values.items()}
    try:
        return msgspec.convert(given, query_type)
    except msgspec.ValidationError as error:
        raise invalid_from_msgspec(error, query_type) from None


def _decode(name: str, text: Any, given_type: Any) -> Any:
    try:
        return msgspec.convert(text, given_type, strict=False)
    except msgspec.ValidationError as error:
        invalid = invalid_from_msgspec(error, given_type)
        pointer = f"/{name}{invalid.pointer or ''}"
        raise Invalid(invalid.detail, pointer=pointer) from None


@lru_cache
def _given_types(query_type: Any) -> Mapping[str, Any]:
    """Return what each parameter is where it is given: never None, as `null` would."""
    fields = msgspec.structs.fields(query_type)
    return {field.encode_name: _without_none(field.type) for field in fields}


def _without_none(field_type: Any) -> Any:
    if get_origin(field_type) not in (Union, UnionType):
        return field_type
    return Union[tuple(e for e in get_args(field_type) if e is not NoneType)]  # noqa: UP007


@lru_cache
def _parameter_kinds(query_type: Any) -> Mapping[str, _Kind]:
    fields = msgspec.structs.fields(query_type)
    return {field.encode_name: _kind_of(field.type) for field in fields}


def _kind_of(field_type: Any) -> _Kind:
    if get_origin(field_type) is Annotated:
        return _kind_of(get_args(field_type)[0])
    if get_origin(field_type) is list:
        return _Kind.LIST
    if get_origin(field_type) is tuple:
        return _Kind.REPEATED
    return _Kind.INSTANT if _has_instant(field_type) else _Kind.SCALAR


def _has_instant(field_type: Any) -> bool:
    return field_type is datetime or any(map(_has_instant, get_args(field_type)))


def _unknown_parameter(name: str, hint: str) -> Invalid:
    shown = storable_text(mask_keys(name)[:_MAX_SHOWN_LENGTH])
    pointer = "/" + shown.replace("~", "~0").replace("/", "~1")
    return Invalid(f"This call has no parameter {shown}.{hint}", pointer=pointer)


def _decode_instant(name: str, text: str) -> datetime:
    """Decode an instant as in a body: msgspec would take a number for Unix seconds."""
    try:
        instant: datetime = msgspec.convert(text, Annotated[datetime, Meta(tz=True)])
    except msgspec.ValidationError:
        hint = " A + is written %2B in a query." if " " in text else ""
        raise Invalid(f"{name} must be {INSTANT}.{hint}", pointer=f"/{name}") from None
    return instant


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
