"""A request that the fast lane answers, and the connection on which it came."""

import time
from typing import Protocol

import attrs
from aiohttp import web

from pushserver.web.device_polls import PollConnection
from pushserver.web.middleware import (
    LOG_FIELDS,
    Handler,
    RequestLog,
    with_error_responses,
)
from pushserver.web.plain_request import PlainRequest, read_plain_request
from pushserver.web.request_identity import IDENTITY, RequestIdentity
from pushserver.web.response import SmallResponse, idle_poll_bytes


class HeldByLane(Protocol):
    """A poll that is held."""

    def release(self) -> None:
        """Answer it now: its device sends no more."""

    def abandon(self) -> None:
        """Hold it no more: its device has gone."""


class LaneConnection(PollConnection, Protocol):
    """The connection: it answers one request at a time; `held` is one that waits."""

    held: HeldByLane | None

    @property
    def peer_address(self) -> str | None:
        """Return the address of the other side."""

    @property
    def has_unsent(self) -> bool:
        """Tell whether bytes that were written wait in this process."""

    def begin(self, rest: bytes) -> None:
        """Begin to answer a request; *rest* came behind it, and waits."""

    def write_idle(self, answer: bytes) -> None:
        """Answer a request that is not begun: there was nothing to do."""

    def write_at_once(self, data: bytes) -> None:
        """Write, if there is still somebody to read."""

    def end_request(self) -> None:
        """Go on with the next request, when the answer has left."""

    def answer_in_task(self, plain: PlainRequest, work: Handler) -> None:
        """Have *work* answer the request, as aiohttp would."""


@attrs.define(eq=False)
class LaneRequest:
    """
    A request that was begun, and what is logged of it; `path` is fit to be shown.

    `came` is what came, unless it was parsed. A program's has an `identity`.
    """

    connection: LaneConnection
    came: PlainRequest | bytes
    method: str
    path: str
    log: RequestLog
    fields: dict[str, object] = attrs.field(factory=dict)
    identity: RequestIdentity | None = None
    _started: float = attrs.field(factory=time.perf_counter, init=False)

    @property
    def plain(self) -> PlainRequest:
        """Return the request, parsed."""
        came = self.came
        plain = read_plain_request(came) if isinstance(came, bytes) else came
        assert plain is not None  # noqa: S101 - so it was when it came
        return plain

    def answer(self, response: SmallResponse) -> None:
        """Log the answer, and write it."""
        self.record(response.status)
        self.connection.write_at_once(response.as_plain())
        self.connection.end_request()

    def record(self, status: int) -> None:
        """Count and log the answer."""
        self.log.record(
            *(self.method, self.path, status, self._started, self.fields),
            identity=self.identity,
        )

    def answer_idle(self) -> None:
        """Answer that there is nothing to do, which is not logged."""
        self.connection.write_at_once(idle_poll_bytes())
        self.connection.end_request()

    def go_on(self, work: Handler) -> None:
        """Have *work* answer it as a handler of aiohttp does, errors and all."""

        async def go_on_logging(request: web.Request) -> web.StreamResponse:
            request[LOG_FIELDS].update(self.fields)
            if self.identity is not None:
                request[IDENTITY] = self.identity
            return await work(request)

        handler = with_error_responses(go_on_logging, self.log.responses)
        self.connection.answer_in_task(self.plain, handler)

    def fail(self, error: BaseException) -> None:
        """Answer as aiohttp does when a handler raises *error*."""

        async def raise_error(_request: web.Request) -> web.StreamResponse:
            raise error

        self.go_on(raise_error)
