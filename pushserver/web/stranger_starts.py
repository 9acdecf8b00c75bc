"""Turns in which requests start, with room for those of strangers that wait for one."""

from collections.abc import Awaitable, Hashable

from aiohttp import web

from pushserver.web.connection import connection_of
from pushserver.web.middleware import Handler
from pushserver.web.request_starts import STRANGERS, RequestStarts
from pushserver.web.stranger_bounds import UNSTARTED_BYTES


class StrangerStarts(RequestStarts):
    """
    Lets requests start; a stranger's that has a body takes room until it may.

    Others wait in any case: they are small, and may be polls of devices that are about
    to be served.
    """

    async def _serve_later(
        self, handler: Handler, request: web.Request
    ) -> web.StreamResponse:
        def start(request: web.Request) -> Awaitable[web.StreamResponse]:
            connection_of(request).end_wait()
            return handler(request)

        return await super()._serve_later(start, request)

    def _turn_of(self, request: web.Request) -> tuple[Hashable, Hashable]:
        """Return whose turn it is that a request waits for from now on."""
        group, member = super()._turn_of(request)
        if group == STRANGERS and request.body_exists:
            connection_of(request).begin_wait(UNSTARTED_BYTES, for_peer=False)
        return group, member
