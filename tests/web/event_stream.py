"""A program that reads the stream of events, by a parser of its own."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import attrs

from tests.web.local_server import TOKEN, LocalServer

Block = Mapping[str, str]


@attrs.frozen
class EventStreamReader:
    """Reads one stream."""

    response: aiohttp.ClientResponse

    async def read_block(self) -> Block:
        """Return the next block of lines as fields; a comment's name is empty."""
        fields = {}
        async with asyncio.timeout(15):
            while line := (await self.response.content.readline()).rstrip(b"\n"):
                name, _, value = line.decode().partition(":")
                fields[name] = value.strip()
        return fields

    async def next_event(self) -> Block:
        """Return the next block that has an event."""
        while "data" not in (block := await self.read_block()):
            assert block, "The stream has ended."
        return block

    async def next_data(self) -> dict[str, Any]:
        """Return the data of the next event."""
        data: dict[str, Any] = json.loads((await self.next_event())["data"])["data"]
        return data

    async def next_states(self, count: int) -> list[str]:
        """Return the states in the next events."""
        return [(await self.next_data())["state"] for _ in range(count)]

    async def next_ids(self, count: int) -> list[str]:
        """Return the ids of the next events."""
        return [(await self.next_event())["id"] for _ in range(count)]


@asynccontextmanager
async def open_event_stream(
    server: LocalServer,
    query: str = "",
    *,
    last_event_id: str | None = None,
    token: str = TOKEN,
) -> AsyncIterator[EventStreamReader]:
    """Read the stream for the duration of the block, in which it is listening."""
    headers = {"Authorization": f"Bearer {token}"}
    if last_event_id is not None:
        headers["Last-Event-ID"] = last_event_id
    url = f"{server.url}/api/v1/events?{query}"
    async with server.session.get(url, headers=headers) as response:
        assert 200 == response.status, await response.read()
        yield EventStreamReader(response)
