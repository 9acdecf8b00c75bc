"""A request that the fast lane answers."""

import time

import attrs
from aiohttp import web

from pushserver.web.fast_connection import FastLaneConnection
from pushserver.web.middleware import (
    LOG_FIELDS,
    Handler,
    RequestLog,
    with_error_responses,
)
from pushserver.web.plain_request import PlainRequest, read_plain_request
from pushserver.web.request_identity import (
    IDENTITY,
    REQUEST_ID_HEADER,
    RequestIdentity,
)
from pushserver.web.response import SmallResponse


@attrs.define(eq=False)
class LaneRequest:
    """
    A request, and what is logged of its answer; `path` is fit to be shown.

    `came` is what came, unless it was parsed. A program's has an `identity`.
    """

    connection: FastLaneConnection
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
        if self.identity is not None:
            response.add_header(REQUEST_ID_HEADER, self.identity.request_id)
        self.record(response.status)
        self.connection.write_at_once(response.as_plain())
        self.connection.end_request()

    def record(self, status: int) -> None:
        """Count and log the answer."""
        self.log.record(
            *(self.method, self.path, status, self._started, self.fields),
            identity=self.identity,
        )

    def go_on(self, work: Handler) -> None:
        """Have *work* answer it as a handler of aiohttp does, errors and all."""

        async def go_on_logging(request: web.Request) -> web.StreamResponse:
            request[LOG_FIELDS].update(self.fields)
            if self.identity is not None:
                request[IDENTITY] = self.identity
            return await work(request)

        handler = with_error_responses(go_on_logging, self.log.responses)
        self.connection.answer_in_task(self.plain, handler)
