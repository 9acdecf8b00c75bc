"""Pages that need no sign-in: each is made once for all who get the same."""

from collections import OrderedDict
from collections.abc import Hashable

from aiohttp import web

from pushserver.web.console.page import HEADERS, PageCall

#: So many are kept, of addresses and values of up to so many characters.
_MAX_PAGES, _MAX_KEY = 64, 512
_PAGES: OrderedDict[Hashable, bytes] = OrderedDict()


async def render_open(
    call: PageCall, template: str, *, status: int = 200, **values: str
) -> web.Response:
    """Return a page for whoever asks, made of a template and *values*."""
    body = await open_page(call, template, **values)
    return web.Response(body=body, status=status, headers=HEADERS)


async def open_page(call: PageCall, template: str, **values: str) -> bytes:
    """Return the page alone."""
    key = _key_of(call, template, tuple(values.items()))
    body = _PAGES.get(key)
    if body is None:
        body = await call.make(template, **values)
        if len(call.here) + sum(map(len, values.values())) <= _MAX_KEY:
            _PAGES[key] = body
    if key in _PAGES:
        _PAGES.move_to_end(key)
    while len(_PAGES) > _MAX_PAGES:
        _PAGES.popitem(last=False)
    return body


def _key_of(call: PageCall, template: str, values: Hashable) -> Hashable:
    """Return all that the page depends on."""
    seen_by = call.text.language, call.theme, bool(call.live_round)
    return template, values, seen_by, call.prefix, call.here, call.said
