"""Reads which devices a query means, in which order, and where its page begins."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import msgspec

from pushserver.errors import Invalid
from pushserver.model.device_filter import (
    DeviceFilter,
    DeviceOrder,
    DeviceSort,
    SortKey,
    fold,
)
from pushserver.model.ids import parse_int64
from pushserver.web.api.call import ApiCall
from pushserver.web.api.device_fields import parse_tags
from pushserver.web.api.device_types import DevicesQuery, ExportQuery


def device_filter(
    call: ApiCall[Any, Any], query: DevicesQuery | ExportQuery
) -> DeviceFilter:
    """
    Return which devices *query* means, of those that the token reaches.

    Raises:
        Invalid: a tag is not one.
    """
    criteria = DeviceFilter(
        state=query.state, tags=parse_tags(query.tag), text=fold(query.q)
    )
    return call.services.token_reach.narrow_filter(call.token, criteria)


def device_order(query: DevicesQuery) -> DeviceOrder:
    """Return the order that the query asks for."""
    name = query.sort.removeprefix("-")
    return DeviceOrder(DeviceSort(name), name != query.sort)


def write_cursor(sort: str, key: SortKey) -> str:
    """Return *key* as the cursor of a list; of one by ids it is the id."""
    if sort == DeviceSort.DEVICE_ID:
        return str(key[0])
    return urlsafe_b64encode(msgspec.json.encode([sort, *key])).decode().rstrip("=")


def read_cursor(sort: str, cursor: str | None) -> SortKey | None:
    """
    Return the key in a cursor.

    Raises:
        Invalid: it is none of a list in this order.
    """
    if cursor is None:
        return None
    if sort == DeviceSort.DEVICE_ID:
        return (parse_int64(cursor, field_name="cursor", pointer="/cursor"),)
    try:
        padded = cursor.encode() + b"=" * (-len(cursor) % 4)
        given, *key = msgspec.json.decode(urlsafe_b64decode(padded), type=list[Any])
    except (ValueError, msgspec.MsgspecError):
        raise _foreign_cursor(sort) from None
    types = DeviceSort(sort.removeprefix("-")).key_types
    if given != sort or tuple(map(type, key)) != types:
        raise _foreign_cursor(sort)
    return tuple(key)


def _foreign_cursor(sort: str) -> Invalid:
    return Invalid(f"This is no cursor of a list by {sort}.", pointer="/cursor")
