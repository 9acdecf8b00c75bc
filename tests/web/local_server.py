"""The server in this process on a real port, and its callers."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any

import aiohttp
import attrs
from yarl import URL

from pushserver import __version__
from pushserver.app import listening
from pushserver.background import build_webhook_supervisor
from pushserver.composition import PROTOCOLS, build_services
from pushserver.fair_turns import FairTurns
from pushserver.services.deadlines import Deadlines
from pushserver.settings import Settings
from pushserver.stores import open_store
from pushserver.web.services import Services
from pushserver.workers.webhooks.sender import WebhookSender
from pushserver.workers.webhooks.supervisor import WebhookSupervisor
from tests.clock import ManualClock

TOKEN = "admin-of-the-tests"
TOKEN_ID = 0
#: It as the API shows it.
ADMIN = {"tokenId": "0", "name": "PUSHSERVER_ADMIN_TOKEN"}
#: A deviceId as real ones are; it exceeds 2^53.
DEVICE = 4408801109440198
LOAD_USERS: Mapping[str, Any] = {
    "endpoint": "load_objects",
    "body": {"object": "users"},
}
OPEN_DOOR: Mapping[str, Any] = {
    "endpoint": "execute_actions",
    "body": {"actions": [{"action": "door", "parameters": "door=1"}]},
}
_NO_HEADERS: Mapping[str, str] = {}
#: As `SO_LINGER`: hang up without a word.
RESET = struct.pack("ii", 1, 0)
#: For how many seconds a condition is asked for without a pause.
_SPIN = 0.02


@attrs.frozen
class Response:
    """What the server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body, decoded by a parser that is not the server's own."""
        return json.loads(self.body)

    @property
    def is_empty(self) -> bool:
        """Return whether this is what an idle device gets, to the letter."""
        return (self.status, self.body, self.headers.get("Content-Length")) == (
            200,
            b"",
            "0",
        )

    @property
    def problem(self) -> tuple[int, str, str | None]:
        """Return the status, code and pointer of a problem document."""
        assert "application/problem+json" == self.headers["Content-Type"]
        payload = self.json()
        assert {"type", "title", "status", "detail"} <= set(payload)
        assert self.status == payload["status"]
        assert self.headers.get("X-Request-Id") == payload.get("requestId")
        code = payload["type"].removeprefix("urn:pushserver:problem:")
        return self.status, code, payload.get("pointer")


@attrs.frozen(kw_only=True, repr=False)
class LocalServer:
    """A server in which nothing runs by itself, and whose clock stands still."""

    url: str
    services: Services
    clock: ManualClock
    session: aiohttp.ClientSession
    supervisor: WebhookSupervisor

    async def request(self, method: str, path: str, **options: Any) -> Response:
        """Send a request; its path is sent as it is written."""
        url = URL(self.url + path, encoded=True)
        if isinstance(options.get("data"), bytes):
            options["data"] = BytesIO(options["data"])
        async with self.session.request(method, url, **options) as response:
            endless = response.content_type == "text/event-stream"
            body = await (
                read_until_heartbeat(response) if endless else response.read()
            )
            return Response(response.status, response.headers.copy(), body)

    async def poll(
        self, query: str = f"deviceId={DEVICE}", path: str = "/push"
    ) -> Response:
        """Poll."""
        return await self.request("GET", f"{path}?{query}")

    async def post_result(
        self,
        body: Any = b'{"response":{}}',
        query: str = f"deviceId={DEVICE}",
        path: str = "/result",
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> Response:
        """Post a result; without a type unless *headers* have one."""
        return await self.request(
            "POST",
            f"{path}?{query}",
            data=body,
            headers=headers,
            skip_auto_headers=("Content-Type",),
        )

    async def api(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = TOKEN,
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> Response:
        """Call the API; bytes go out as they are, everything else as JSON."""
        options: dict[str, Any] = {"headers": dict(headers)}
        if token is not None:
            options["headers"]["Authorization"] = f"Bearer {token}"
        if body is not None:
            options["data"] = body if isinstance(body, bytes) else json.dumps(body)
            options["headers"].setdefault("Content-Type", "application/json")
        return await self.request(method, "/api/v1" + path, **options)

    async def enqueue(
        self, command: Mapping[str, Any] = LOAD_USERS, device_id: int | str = DEVICE
    ) -> dict[str, Any]:
        """Put a command into a device's queue."""
        answer = await self.api("POST", f"/devices/{device_id}/commands", dict(command))
        assert 201 == answer.status, answer.body
        payload: dict[str, Any] = answer.json()
        return payload

    async def get_command(self, command_id: str) -> dict[str, Any]:
        """Return a command."""
        answer = await self.api("GET", f"/commands/{command_id}")
        assert 200 == answer.status, answer.body
        payload: dict[str, Any] = answer.json()
        return payload

    async def get_device(self, device_id: int | str = DEVICE) -> dict[str, Any]:
        """Return a device."""
        answer = await self.api("GET", f"/devices/{device_id}")
        assert 200 == answer.status, answer.body
        payload: dict[str, Any] = answer.json()
        return payload

    async def list_results(self, query: str = "") -> list[dict[str, Any]]:
        """Return the results."""
        answer = await self.api("GET", f"/results?{query}")
        assert 200 == answer.status, answer.body
        payload: list[dict[str, Any]] = answer.json()["items"]
        return payload

    async def create_token(self, *permissions: str) -> str:
        """Create a token with just these permissions."""
        request = {"name": "of a test", "permissions": permissions}
        secret: str = (await self.api("POST", "/tokens", request)).json()["token"]
        return secret

    async def expire_overdue(self) -> None:
        """Do what is due by the clock, as a worker does."""
        deadlines = Deadlines(self.services.store, self.clock, self.services.lanes)
        await self.services.polling.record_written()
        await deadlines.expire_overdue()

    async def deliver_webhooks(self) -> None:
        """Deliver to subscriptions what is due by now, as their workers do."""
        subscriptions = self.services.subscription_registry
        for subscription in subscriptions:
            worker = self.supervisor.make_worker(subscription)
            subscriptions.workers[subscription.id] = worker
            while await worker.run_once() == 0:
                pass

    async def wait_for_held_polls(self, count: int) -> None:
        """Wait until so many polls are held."""
        await wait_until(lambda: len(self.services.holds) == count)

    async def announce_import(self, secret: str) -> bytes:
        """Return the status line of an import of which nothing but the head is sent."""
        head = (
            "POST /api/v1/devices/import HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: Bearer {secret}\r\nContent-Length: 60000000\r\n\r\n"
        )
        async with self.connect() as (reader, writer), asyncio.timeout(15):
            writer.write(head.encode())
            return await reader.readline()

    @asynccontextmanager
    async def connect(
        self, address: str | None = None
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """Open a plain connection, from an address of this machine."""
        url, local = URL(self.url), None if address is None else (address, 0)
        reader, writer = await asyncio.open_connection(
            url.host, url.port, local_addr=local
        )
        try:
            yield reader, writer
        finally:
            writer.transport.abort()

    async def send_raw(self, request: bytes) -> bytes:
        """
        Send plain bytes and return everything until the server closes the connection.
        """
        async with self.connect() as (reader, writer):
            writer.write(request)
            async with asyncio.timeout(15):
                return await reader.read()


def waiting_for(turns: FairTurns) -> int:
    """Return how many calls of the admin's token wait for their turn."""
    return turns._line.count_of(TOKEN_ID)


def reset_connection(writer: asyncio.StreamWriter) -> None:
    """Hang up without a word."""
    raw_socket = writer.get_extra_info("socket")
    raw_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()


async def read_until_heartbeat(stream: aiohttp.ClientResponse) -> bytes:
    """Return what a stream sends, up to its heartbeat."""
    received = b""
    async with asyncio.timeout(15):
        while b": still here" not in received:
            received += await stream.content.readany()
    return received


async def wait_until(
    condition: Callable[[], bool | Awaitable[bool]], *, within: float = 30
) -> None:
    """Wait until *condition* holds, letting other tasks and processes run."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    async with asyncio.timeout(within):
        while True:
            holds = condition()
            if holds if isinstance(holds, bool) else await holds:
                return
            # What takes longer is done by others, who need the processor: ask less
            # often the longer it takes.
            waited = loop.time() - started
            await asyncio.sleep(0 if waited < _SPIN else min(waited / 8, 0.05))


@asynccontextmanager
async def running_server(
    database: str,
    clock: ManualClock,
    **options: Any,
) -> AsyncIterator[LocalServer]:
    """Serve with these settings, and protocols, for the duration of the block."""
    installed = options.pop("installed", PROTOCOLS)
    # What is asked in the tests is asked of the lane; `fast_lane` compares both ways.
    options.setdefault("fast_lane", True)
    settings = Settings(
        port=0,
        database=database,
        admin_token=TOKEN,
        **options,
    )
    store = await open_store(settings, clock)
    try:
        services = build_services(settings, store, clock, installed)
        await services.devices.load()
        await services.tokens.load(TOKEN)
        async with (
            listening(settings, services) as url,
            aiohttp.ClientSession(auto_decompress=False) as session,
            WebhookSender(services.subscriptions.ssrf_guard, __version__) as sender,
        ):
            yield LocalServer(
                url=url,
                services=services,
                clock=clock,
                session=session,
                supervisor=build_webhook_supervisor(services, sender),
            )
        await services.lanes.background_tasks.wait_all()
    finally:
        await store.close()
