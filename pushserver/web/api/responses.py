"""Responses of the API: JSON, pages that link to the next one, and what was created."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from pushserver.services.off_loop import in_pieces
from pushserver.web.api.call import ApiCall
from pushserver.web.api.long_json import encode_pieces
from pushserver.web.api.once import REPLAYED_HEADER
from pushserver.web.api.query import cap_limit, optional_int64
from pushserver.web.api.types import PageOut
from pushserver.web.json_body import JSON_MEDIA_TYPE
from pushserver.web.request import public_base
from pushserver.web.response import make_response
from pushserver.web.spooled_response import LongResponse

R = TypeVar("R")

BASE_PATH = "/api/v1"
encode_json = msgspec.json.Encoder().encode


class _CreatedId(msgspec.Struct):
    id: str


def json_response(
    value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.StreamResponse:
    """Render *value* as compact JSON."""
    pieces = encode_pieces(value)
    if len(pieces) == 1:
        return encoded_json_response(bytes(pieces[0]), status=status, headers=headers)
    return LongResponse(
        pieces, status=status, content_type=JSON_MEDIA_TYPE, headers=headers
    )


def encoded_json_response(
    body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.StreamResponse:
    """Return a response whose JSON is already encoded."""
    return make_response(
        body, status=status, content_type=JSON_MEDIA_TYPE, headers=headers
    )


async def whole_list_response(
    items: Iterable[R], view: Callable[[R], Any]
) -> web.StreamResponse:
    """Return a list that has no pages, each item as *view* renders it."""
    pieces = [b'{"items":[']
    async for item in in_pieces(items):
        pieces += encode_json(view(item)), b","
    pieces[max(1, len(pieces) - 1) :] = [b"]}"]
    return LongResponse(pieces, content_type=JSON_MEDIA_TYPE)


async def list_response(
    call: ApiCall[Any, Any],
    page_type: Callable[..., PageOut[Any]],
    fetch: Callable[..., Awaitable[Sequence[R]]],
    view: Callable[[R], Any],
    *,
    cursor: str = "before",
    start: int | None = None,
    cursor_of: Callable[[R], int] | None = None,
) -> web.StreamResponse:
    """
    Return the page that the query asks for.

    *fetch* takes the query's cursor, or else *start*, as its argument *cursor*, and a
    limit: one row more tells whether another page follows. That one begins at the last
    item's `id`, unless *cursor_of* a row says where.
    """
    limit = cap_limit(call.query.limit)
    position = optional_int64(call.query.cursor, "cursor")
    position = start if position is None else position
    rows = await fetch(**{cursor: position}, limit=limit + 1)
    items = [view(row) async for row in in_pieces(rows[:limit])]
    next_cursor = None
    if len(rows) > limit:
        last = rows[limit - 1]
        next_cursor = items[-1].id if cursor_of is None else str(cursor_of(last))
    return page_response(call.request, page_type, items, next_cursor=next_cursor)


def page_response(
    request: web.Request,
    page_type: Callable[..., PageOut[Any]],
    items: list[Any],
    *,
    next_cursor: str | None,
) -> web.StreamResponse:
    """Return a page of a list, with a link to the next one if there is a cursor."""
    page = page_type(items=items, next_cursor=next_cursor)
    headers = None if next_cursor is None else next_link(request, next_cursor)
    return json_response(page, headers=headers)


def next_link(request: web.Request, cursor: str) -> dict[str, str]:
    """Return the `Link` header to the page that begins at *cursor*."""
    url = f"{public_base(request)}{request.rel_url.update_query(cursor=cursor)}"
    return {"Link": f'<{url}>; rel="next"'}


def created_id(answer: bytes) -> str:
    """Return the id in a stored or new *answer*."""
    return msgspec.json.decode(answer, type=_CreatedId).id


def location(request: web.Request, path: str) -> dict[str, str]:
    """Return the `Location` header of what is at *path* of the API."""
    return {"Location": f"{public_base(request)}{BASE_PATH}{path}"}


def created_response(
    request: web.Request,
    path: str,
    answer: bytes,
    *,
    replayed: bool = False,
    headers: Mapping[str, str] | None = None,
) -> web.StreamResponse:
    """Return 201 and *answer*; what was created is below *path*."""
    all_headers = {
        **location(request, f"{path}/{created_id(answer)}"),
        **(REPLAYED_HEADER if replayed else {}),
        **(headers or {}),
    }
    return encoded_json_response(answer, status=201, headers=all_headers)
