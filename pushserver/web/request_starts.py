"""Turns in which requests start to be served: a few in each turn of the event loop.

So many connections hold the loop up no longer than a few do, and what else it does has
its turn. Those who wait take turns, too: each token, and without one each address.
What the fast lane serves waits for none of them.
"""

import asyncio
from collections.abc import Awaitable, Hashable

import attrs
from aiohttp import web

from pushserver.errors import Unauthorized
from pushserver.fair_turns import FairLine
from pushserver.services.tokens import Tokens
from pushserver.web.middleware import Handler

#: Requests that start in one turn of the event loop.
MAX_STARTS = 16
#: How many short ones start in place of one.
_SHORT_ONES = 4
#: So many wait. What comes when there are more starts at once: so nobody can fill the
#: line with requests, which are served in any case, whose senders have gone.
MAX_WAITING = 4096


@attrs.define(eq=False, repr=False)
class RequestStarts:
    """Lets requests start."""

    tokens: Tokens
    _started: int = attrs.field(default=0, init=False)
    _waiting: int = attrs.field(default=0, init=False)
    _line: FairLine = attrs.field(factory=FairLine, init=False)

    def in_turn(self, handler: Handler) -> Handler:
        """Return *handler*, which waits until a request may start."""

        def handle(request: web.Request) -> Awaitable[web.StreamResponse]:
            if self.take(_SHORT_ONES) or self._waiting >= MAX_WAITING:
                return handler(request)
            return self._serve_later(handler, request)

        return handle

    async def _serve_later(
        self, handler: Handler, request: web.Request
    ) -> web.StreamResponse:
        self._waiting += 1
        try:
            await self._line.join(self._caller_of(request))
        finally:
            self._waiting -= 1
        return await handler(request)

    def _caller_of(self, request: web.Request) -> Hashable:
        try:
            token = self.tokens.authenticate(request.headers.get("Authorization"))
        except Unauthorized:
            return request.remote
        return self.tokens.caller_of(token)

    def take(self, share: int = 1) -> bool:
        """Start a request with this share of a turn, if it may; tell whether."""
        if self._started + share > MAX_STARTS * _SHORT_ONES:
            return False
        if not self._started:
            asyncio.get_running_loop().call_soon(self._begin_turn)
        self._started += share
        return True

    def _begin_turn(self) -> None:
        """Let those start first that wait: it is another turn of the loop."""
        self._started = 0
        while self._line and self.take(_SHORT_ONES):
            self._line.let_go_on()
