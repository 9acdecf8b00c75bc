"""The server in this process on a real port, and those who call it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any

import aiohttp
import attrs
from yarl import URL

from pushserver import __version__
from pushserver.app import listening
from pushserver.composition import build_services, dispatcher_of, open_store
from pushserver.services.upkeep import Upkeep
from pushserver.settings import Settings
from pushserver.web.services import Services
from pushserver.workers.webhooks.dispatcher import Dispatcher
from pushserver.workers.webhooks.sender import Sender
from tests.clock import ManualClock

TOKEN = "admin-of-the-tests"
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
_NOTHING: Mapping[str, str] = {}


@attrs.frozen
class Answer:
    """What the server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body, decoded by a parser that is not the server's own."""
        return json.loads(self.body)

    @property
    def is_empty(self) -> bool:
        """Tell whether this is what an idle device gets, to the letter."""
        return (self.status, self.body, self.headers.get("Content-Length")) == (
            200,
            b"",
            "0",
        )

    @property
    def problem(self) -> tuple[int, str, str | None]:
        """Return the status, code and pointer of a problem document."""
        assert "application/problem+json" == self.headers["Content-Type"]
        told = self.json()
        assert {"type", "title", "status", "detail"} <= set(told)
        assert self.status == told["status"]
        code = told["type"].removeprefix("urn:pushserver:problem:")
        return self.status, code, told.get("pointer")


@attrs.frozen(kw_only=True, repr=False)
class Site:
    """A server in which nothing runs by itself, and whose clock stands still."""

    url: str
    services: Services
    clock: ManualClock
    session: aiohttp.ClientSession
    dispatcher: Dispatcher

    async def call(self, method: str, path: str, **how: Any) -> Answer:
        """Send a request, its path as it is written."""
        url = URL(self.url + path, encoded=True)
        if isinstance(how.get("data"), bytes):
            how["data"] = BytesIO(how["data"])
        async with self.session.request(method, url, **how) as response:
            endless = response.content_type == "text/event-stream"
            body = await (until_quiet(response) if endless else response.read())
            return Answer(response.status, response.headers.copy(), body)

    async def push(
        self, query: str = f"deviceId={DEVICE}", at: str = "/push"
    ) -> Answer:
        """Poll."""
        return await self.call("GET", f"{at}?{query}")

    async def result(
        self,
        body: Any = b'{"response":{}}',
        query: str = f"deviceId={DEVICE}",
        at: str = "/result",
        headers: Mapping[str, str] = _NOTHING,
    ) -> Answer:
        """Post a result; without a type unless *headers* have one."""
        return await self.call(
            "POST",
            f"{at}?{query}",
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
        headers: Mapping[str, str] = _NOTHING,
    ) -> Answer:
        """Call the API; bytes go out as they are, everything else as JSON."""
        how: dict[str, Any] = {"headers": dict(headers)}
        if token is not None:
            how["headers"]["Authorization"] = f"Bearer {token}"
        if body is not None:
            how["data"] = body if isinstance(body, bytes) else json.dumps(body)
            how["headers"].setdefault("Content-Type", "application/json")
        return await self.call(method, "/api/v1" + path, **how)

    async def enqueue(
        self, command: Mapping[str, Any] = LOAD_USERS, device_id: int = DEVICE
    ) -> dict[str, Any]:
        """Put a command into a device's queue."""
        answer = await self.api("POST", f"/devices/{device_id}/commands", dict(command))
        assert 201 == answer.status, answer.body
        told: dict[str, Any] = answer.json()
        return told

    async def command(self, command_id: str) -> dict[str, Any]:
        """Return how a command stands."""
        answer = await self.api("GET", f"/commands/{command_id}")
        assert 200 == answer.status, answer.body
        told: dict[str, Any] = answer.json()
        return told

    async def device(self, device_id: int = DEVICE) -> dict[str, Any]:
        """Return what is known of a device."""
        answer = await self.api("GET", f"/devices/{device_id}")
        assert 200 == answer.status, answer.body
        told: dict[str, Any] = answer.json()
        return told

    async def posted(self, query: str = "") -> list[dict[str, Any]]:
        """Return the results that the server has."""
        answer = await self.api("GET", f"/results?{query}")
        assert 200 == answer.status, answer.body
        told: list[dict[str, Any]] = answer.json()["items"]
        return told

    async def token(self, *permissions: str) -> str:
        """Make a token that may do just this."""
        wanted = {"name": "of a test", "permissions": permissions}
        secret: str = (await self.api("POST", "/tokens", wanted)).json()["token"]
        return secret

    async def deadlines(self) -> None:
        """Do what is due by the clock, as a worker does."""
        upkeep = Upkeep(store=self.services.store, clock=self.clock)
        await self.services.polling.record()
        await upkeep.deadlines()

    async def deliver(self) -> None:
        """Take to subscriptions what is due by now, as their couriers do."""
        subscriptions = self.services.subscriptions
        for subscription in subscriptions:
            courier = self.dispatcher.make(subscription)
            subscriptions.couriers[subscription.id] = courier
            while await courier.round() == 0:
                pass

    async def held(self, polls: int) -> None:
        """Wait until so many polls are held."""
        await until(lambda: len(self.services.holds) == polls)

    @asynccontextmanager
    async def line(
        self,
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """Open a plain connection."""
        url = URL(self.url)
        reader, writer = await asyncio.open_connection(url.host, url.port)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()

    async def raw(self, request: bytes) -> bytes:
        """Send plain bytes and return everything until the server hangs up."""
        async with self.line() as (reader, writer):
            writer.write(request)
            async with asyncio.timeout(10):
                return await reader.read()


async def until_quiet(stream: aiohttp.ClientResponse) -> bytes:
    """Return what a stream has to tell, up to its heartbeat."""
    told = b""
    async with asyncio.timeout(10):
        while b": still here" not in told:
            told += await stream.content.readany()
    return told


async def until(
    condition: Callable[[], bool | Awaitable[bool]], *, within: float = 10
) -> None:
    """Let everybody else go on until *condition* holds, here or in another process."""
    loop = asyncio.get_running_loop()
    soon = loop.time() + 0.02
    async with asyncio.timeout(within):
        while True:
            holds = condition()
            if holds if isinstance(holds, bool) else await holds:
                return
            # What takes longer is done by others, who need the processor.
            await asyncio.sleep(0 if loop.time() < soon else 0.005)


@asynccontextmanager
async def standing(
    database: str, clock: ManualClock, **wanted: Any
) -> AsyncIterator[Site]:
    """Serve with these settings for the length of the block."""
    settings = Settings(
        port=0,
        database=database,
        admin_token=TOKEN,
        **wanted,
    )
    store = await open_store(settings, clock)
    try:
        services = build_services(settings, store, clock)
        await services.fleet.load()
        await services.tokens.load(TOKEN)
        async with (
            listening(settings, services) as url,
            aiohttp.ClientSession(auto_decompress=False) as session,
            Sender(services.subscriptions.guard, __version__) as sender,
        ):
            yield Site(
                url=url,
                services=services,
                clock=clock,
                session=session,
                dispatcher=dispatcher_of(services, sender),
            )
        await services.polling.chores.finish()
    finally:
        await store.close()
