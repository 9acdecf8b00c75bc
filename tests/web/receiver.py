"""A receiver of webhooks on the loopback."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
from aiohttp import web
from aiohttp.test_utils import TestServer


@attrs.frozen
class ReceivedWebhook:
    """One webhook as it came."""

    path: str
    headers: dict[str, str]
    content: bytes

    @property
    def body(self) -> Any:
        """Return the body, decoded."""
        return json.loads(self.content)


@attrs.define
class RecordingReceiver:
    """Records what it is sent, and answers with `status`."""

    status: int = 200
    url: str = ""
    received: list[ReceivedWebhook] = attrs.field(factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        """Receive one delivery."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        content = await request.read()
        self.received.append(ReceivedWebhook(request.path, headers, content))
        return web.Response(status=self.status, text="noted")


@asynccontextmanager
async def running_receiver() -> AsyncIterator[RecordingReceiver]:
    """Run a receiver for the duration of the block."""
    receiver = RecordingReceiver()
    app = web.Application()
    app.router.add_post("/{path:.*}", receiver.handle)
    async with TestServer(app) as server:
        receiver.url = str(server.make_url("/")).rstrip("/")
        yield receiver
