"""A receiver of webhooks on the loopback, and the target of a sender."""

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
from pushserver.workers.webhooks.sender import WebhookRequest
from tests.clock import START

SECRET = new_webhook_secret()
BODY = b'{"type":"ping","data":{"name":"J\xc3\xbcrgen"}}'
NOW_SECONDS = START // 1_000_000

Responder = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@attrs.frozen
class ReceivedRequest:
    """One request as it came."""

    path: str
    headers: CIMultiDict[str]
    body: bytes
    peer: tuple[str, int]


@attrs.define(eq=False)
class ScriptedReceiver:
    """Records what it is sent, and answers as the test says."""

    respond: Responder
    url: str = ""
    requests: list[ReceivedRequest] = attrs.Factory(list)
    arrived: asyncio.Event = attrs.Factory(asyncio.Event)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Record a request and answer it."""
        assert request.transport is not None
        self.requests.append(
            ReceivedRequest(
                path=request.raw_path,
                headers=CIMultiDict(request.headers),
                body=await request.content.read(),
                peer=request.transport.get_extra_info("peername")[:2],
            )
        )
        self.arrived.set()
        return await self.respond(request)


@asynccontextmanager
async def running_receiver(
    respond: Responder, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[ScriptedReceiver]:
    """Run a receiver on the loopback for the duration of the block."""
    receiver, port = ScriptedReceiver(respond), unused_port()
    server = web.Server(receiver.handle, access_log=None, handler_cancellation=True)
    runner = web.ServerRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls).start()
    receiver.url = f"http{'s' if tls else ''}://127.0.0.1:{port}/hook"
    try:
        yield receiver
    finally:
        await runner.cleanup()


def respond_with(status: int = 200, text: str = "", **headers: str) -> Responder:
    """
    Return a responder that answers everything alike; `Retry_After` is Retry-After.
    """
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=status, text=text, headers=named)

    return answer


def target(url: str, **overrides: Any) -> WebhookRequest:
    """Return a target such as most deliveries have."""
    defaults: dict[str, Any] = {
        "headers": {},
        "body": BODY,
        "message_id": "msg_1",
        "secrets": [SECRET],
        "timestamp": NOW_SECONDS,
    }
    return WebhookRequest(url=url, **{**defaults, **overrides})
