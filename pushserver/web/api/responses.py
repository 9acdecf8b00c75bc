"""Responses of the API: JSON, pages that link to the next one, and what was created."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from aiohttp import web

from pushserver.web.api.types import PageOut
from pushserver.web.json_body import JSON_MEDIA_TYPE
from pushserver.web.response import make_response

BASE_PATH = "/api/v1"
encode_json = msgspec.json.Encoder().encode


class _CreatedId(msgspec.Struct):
    id: str


def json_response(
    value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.StreamResponse:
    """Render *value* as compact JSON."""
    return encoded_json_response(encode_json(value), status=status, headers=headers)


def encoded_json_response(
    body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.StreamResponse:
    """Return a response whose JSON is already encoded."""
    return make_response(
        body, status=status, content_type=JSON_MEDIA_TYPE, headers=headers
    )


def page_response(
    request: web.Request,
    page_type: Callable[..., PageOut[Any]],
    items: list[Any],
    *,
    has_more: bool,
    cursor_field: str = "id",
) -> web.StreamResponse:
    """Return a page; the `cursor_field` of its last item leads to the next one."""
    if not has_more:
        return json_response(page_type(items=items))
    cursor = getattr(items[-1], cursor_field)
    page = page_type(items=items, next_cursor=cursor)
    return json_response(page, headers=next_link(request, cursor))


def next_link(request: web.Request, cursor: str) -> dict[str, str]:
    """Return the `Link` header to the page that begins at *cursor*."""
    url = request.rel_url.update_query(cursor=cursor)
    return {"Link": f'<{url}>; rel="next"'}


def created_id(answer: bytes) -> str:
    """Return the id in a stored or new *answer*."""
    return msgspec.json.decode(answer, type=_CreatedId).id


def created_response(
    path: str, answer: bytes, *, replayed: bool = False
) -> web.StreamResponse:
    """Return 201 and *answer*; what was created is below *path*."""
    headers = {"Location": f"{BASE_PATH}{path}/{created_id(answer)}"}
    if replayed:
        headers["Idempotency-Replayed"] = "true"
    return encoded_json_response(answer, status=201, headers=headers)
