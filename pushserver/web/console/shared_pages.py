"""Shows one page to all who see the same there, when they are told of a change."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import cast

import attrs
from aiohttp import web

from pushserver.model.token import Permission
from pushserver.services.live_topics import LiveRound
from pushserver.web.console.page import HEADERS, SignedInCall

Show = Callable[[SignedInCall], Awaitable[web.StreamResponse]]


@attrs.frozen
class _PageKey:
    """
    All that the live parts of a page depend on, besides what is stored.

    Restricted tokens share with no other: each has its own devices and tasks.
    """

    scope_id: int
    permissions: frozenset[Permission]
    restricted_token_id: int | None
    language: str
    prefix: str
    path: str


def _key_of(call: SignedInCall) -> _PageKey:
    token = call.token
    return _PageKey(
        token.scope_id,
        token.permissions,
        token.id if token.is_restricted else None,
        call.text.language,
        call.prefix,
        call.request.raw_path,
    )


async def show_shared(call: SignedInCall, show: Show) -> web.StreamResponse:
    """Return a page's live parts, as made for the first who was told of the change."""
    announced = LiveRound.parse(call.live_round or "")
    current, views = call.services.live_topics.current_round, call.services.shared_views
    body = await views.show(
        _key_of(call), announced, current, partial(_body, call, show)
    )
    return web.Response(body=body, headers=HEADERS)


async def _body(call: SignedInCall, show: Show) -> bytes:
    response = cast("web.Response", await show(call))
    return cast("bytes", response.body)
