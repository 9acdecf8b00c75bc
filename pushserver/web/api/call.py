"""One request to the API, checked and decoded: what a handler gets."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

import attrs
from aiohttp import web

from pushserver.model.actor import Actor
from pushserver.model.device import DeviceIdentity
from pushserver.model.ids import parse_int64
from pushserver.model.token import Token
from pushserver.services.blobs import ByteSource
from pushserver.services.idempotency import IdempotentRequest
from pushserver.web.api.path_names import camel
from pushserver.web.api.reach import require_reach
from pushserver.web.api.token_life import while_valid
from pushserver.web.authentication import has_ended, request_actor
from pushserver.web.services import Services
from pushserver.web.spool import Spool
from pushserver.web.waiting import while_peer_stays

Q = TypeVar("Q")
B = TypeVar("B")


@attrs.frozen
class ApiCall(Generic[Q, B]):
    """
    A checked request: who calls, its query and its body, decoded.

    `path_params` are the named parts of its path. `idempotency`: its Idempotency-Key,
    under which the handler stores its answer with its change. `log_fields` is for its
    log line: ids, states and counts, never a payload, a key or a token. Bytes and
    long JSON are in a `spool` while the call runs, and not in `raw_body`; once it is
    decoded, that has the `long_bodies` of steps, which name them by these hashes. Of a
    token's calls a few work at a time on short bodies; `end_work` before it waits.
    """

    request: web.Request
    path_params: Mapping[str, str]
    services: Services
    token: Token
    query: Q
    media_type: str
    raw_body: bytes
    body: B
    idempotency: IdempotentRequest | None
    log_fields: dict[str, object]
    end_work: Callable[[], None]
    spool: Spool | None = None
    long_bodies: Mapping[str, ByteSource] = attrs.Factory(dict)

    @property
    def scope_id(self) -> int:
        """The scope in which the call reads and writes: the token's."""
        return self.token.scope_id

    @property
    def actor(self) -> Actor:
        """Who calls, and from where; for what the call changes."""
        return request_actor(self.request, self.token)

    async def has_ended(self) -> bool:
        """Tell whether the token has, or the session in its place."""
        return await has_ended(self.request, self.services, self.token)

    @asynccontextmanager
    async def waiting(self, seconds: float) -> AsyncIterator[None]:
        """
        Count the call as one that waits during the block, if it waits at all.

        The block ends early once the program sends no more, and with the token. After
        it, the token and what it reaches are checked as if the call came now.

        Raises:
            TooMany: too many wait already.
            Unauthorized: the token was revoked, or has expired, or its session is over.
            NotFound: what the path names is no longer within its reach.
        """
        if not seconds:
            yield
            return
        self.end_work()
        with self.services.wait_bounds.waiting(self.token.id):
            async with (
                while_valid(self),
                while_peer_stays(self.request),
            ):
                yield
        await require_reach(self)

    def path_int64(self, name: str) -> int:
        """
        Return a number from the path.

        Raises:
            Invalid: it is not a number, or does not fit into 64 bits.
        """
        return parse_int64(self.path_params[name], field_name=camel(name))

    def path_device(self) -> DeviceIdentity:
        """
        Return the device that the path names.

        Raises:
            Invalid: no device has such an id.
        """
        return self.services.protocols.identify(self.path_params["device_id"])
