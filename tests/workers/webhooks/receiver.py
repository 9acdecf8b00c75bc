"""A receiver of webhooks on the loopback, and what sends to it."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
from aiohttp import web
from aiohttp.test_utils import unused_port
from multidict import CIMultiDict

from pushserver.model.subscription import new_webhook_secret
from pushserver.workers.webhooks.sender import Target
from tests.clock import START

SECRET = new_webhook_secret()
BODY = b'{"type":"ping","data":{"name":"J\xc3\xbcrgen"}}'
NOW = START // 1_000_000

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@attrs.frozen
class Request:
    """What came in."""

    path: str
    headers: CIMultiDict[str]
    body: bytes
    peer: tuple[str, int]


@attrs.define(eq=False)
class Receiver:
    """Notes what it is sent, and answers as it is told to."""

    answer: Answer
    url: str = ""
    requests: list[Request] = attrs.Factory(list)
    arrived: asyncio.Event = attrs.Factory(asyncio.Event)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Note a request and answer it."""
        assert request.transport is not None
        self.requests.append(
            Request(
                path=request.raw_path,
                headers=CIMultiDict(request.headers),
                body=await request.content.read(),
                peer=request.transport.get_extra_info("peername")[:2],
            )
        )
        self.arrived.set()
        return await self.answer(request)


@asynccontextmanager
async def receiving(
    answer: Answer, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Receiver]:
    """Have a receiver on the loopback for the length of the block."""
    receiver, port = Receiver(answer), unused_port()
    server = web.Server(receiver.handle, access_log=None, handler_cancellation=True)
    runner = web.ServerRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls).start()
    receiver.url = f"http{'s' if tls else ''}://127.0.0.1:{port}/hook"
    try:
        yield receiver
    finally:
        await runner.cleanup()


def answering(status: int = 200, text: str = "", **headers: str) -> Answer:
    """Return what answers everything alike; `Retry_After` is Retry-After."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=status, text=text, headers=named)

    return answer


def target(url: str, **given: Any) -> Target:
    """Return a target as most deliveries have it."""
    usual: dict[str, Any] = {
        "headers": {},
        "body": BODY,
        "message_id": "msg_1",
        "secrets": [SECRET],
        "timestamp": NOW,
    }
    return Target(url=url, **{**usual, **given})
