"""Turns in which requests start to be served: a few in each turn of the event loop.

So many connections hold the loop up no longer than a few do, and what else it does has
its turn. Those who wait take turns, too: devices, strangers, and each scope's tokens;
among these each device, network and token. What the fast lane serves does not wait.
A stranger's request that has a body takes room until it starts.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Hashable
from contextlib import suppress

import attrs
from aiohttp import web

from pushserver.errors import Malformed, Unauthorized
from pushserver.fair_turns import DEVICES, FairLine
from pushserver.model.network import network_of
from pushserver.model.secret import hash_secret
from pushserver.model.token import Token
from pushserver.services.device_admission import DeviceAdmission
from pushserver.services.device_protocols import DeviceProtocols
from pushserver.services.tokens import Tokens
from pushserver.web.connection import connection_of
from pushserver.web.middleware import Handler
from pushserver.web.session_secrets import bearer_secret, cookie_secret
from pushserver.web.stranger_bounds import UNSTARTED_BYTES

#: Who has no token and is no device that is surely served; beside `DEVICES`, and the
#: ids of scopes.
STRANGERS = -2
#: Requests that start in one turn of the event loop.
MAX_STARTS = 16
#: How many short ones start in place of one.
_SHORT_ONES = 4
#: So many wait. What comes when there are more starts at once: so nobody can fill the
#: line with requests, which are served in any case, whose senders have gone.
MAX_WAITING = 4096
#: Sessions of which is remembered whose they are.
_MAX_SESSIONS = 4096
#: A group of those who wait, and a member of it.
_Turn = tuple[Hashable, Hashable]


@attrs.define(eq=False, repr=False)
class RequestStarts:
    """Lets requests start."""

    tokens: Tokens
    admission: DeviceAdmission
    protocols: DeviceProtocols
    #: The hashes of the tokens of sessions, by those of the sessions' secrets. It is
    #: looked up when a request starts whether its session is still valid.
    _sessions: OrderedDict[str, str] = attrs.field(factory=OrderedDict, init=False)
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

    def remember_session(self, secret: str, token: Token) -> None:
        """From now on, serve what comes with a session's secret in its token's turn."""
        secret_hash = hash_secret(secret)
        self._sessions[secret_hash] = token.hash
        self._sessions.move_to_end(secret_hash)
        if len(self._sessions) > _MAX_SESSIONS:
            self._sessions.popitem(last=False)

    async def _serve_later(
        self, handler: Handler, request: web.Request
    ) -> web.StreamResponse:
        group, member = self._turn_of(request)
        connection = connection_of(request)
        if group == STRANGERS and request.body_exists:
            # Others are small, and may be polls of devices that are about to be served.
            connection.begin_wait(UNSTARTED_BYTES, for_peer=False)
        self._waiting += 1
        try:
            await self._line.join(group, member)
        finally:
            self._waiting -= 1
        connection.end_wait()
        return await handler(request)

    def _turn_of(self, request: web.Request) -> _Turn:
        """Return the group in whose turn it is served, and the member of that."""
        token = self._token_of(request)
        if token is not None:
            return token.scope_id, self.tokens.caller_of(token)
        device_id = self._device_of(request)
        if device_id is not None:
            return DEVICES, device_id
        return STRANGERS, network_of(request.remote)

    def _token_of(self, request: web.Request) -> Token | None:
        """Return the token that came with a request, or that of a session there."""
        authorization = request.headers.get("Authorization")
        with suppress(Unauthorized):
            return self.tokens.authenticate(authorization)
        for secret in bearer_secret(authorization), cookie_secret(request):
            token_hash = self._sessions.get(hash_secret(secret))
            if token_hash is not None:
                return self.tokens.find(token_hash)
        return None

    def _device_of(self, request: web.Request) -> int | None:
        """
        Return the id of the device that polls or posts a result, if surely served.

        Whoever only knows a device's id must not take its turns from it.
        """
        for protocol in self.protocols.installed:
            with suppress(Malformed):
                call = protocol.recognise(
                    request.method, request.raw_path, request.headers
                )
                device = call and self.admission.may_admit_again(
                    call.device, call.key, request.remote
                )
                if device is not None:
                    return device.device_id
        return None

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
