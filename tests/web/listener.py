"""A program that reads the stream of events, by a parser of its own."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import attrs

from tests.web.site import TOKEN, Site

Block = Mapping[str, str]


@attrs.frozen
class Listener:
    """Reads one stream."""

    response: aiohttp.ClientResponse

    async def block(self) -> Block:
        """Return the next block of lines as fields; a comment's name is empty."""
        fields = {}
        async with asyncio.timeout(10):
            while line := (await self.response.content.readline()).rstrip(b"\n"):
                name, _, value = line.decode().partition(":")
                fields[name] = value.strip()
        return fields

    async def next(self) -> Block:
        """Return the next block that tells something."""
        while "data" not in (block := await self.block()):
            assert block, "The stream has ended."
        return block

    async def data(self) -> dict[str, Any]:
        """Return the data of the next event."""
        data: dict[str, Any] = json.loads((await self.next())["data"])["data"]
        return data

    async def states(self, count: int) -> list[str]:
        """Return the states that the next events tell."""
        return [(await self.data())["state"] for _ in range(count)]

    async def ids(self, count: int) -> list[str]:
        """Return the ids of the next events."""
        return [(await self.next())["id"] for _ in range(count)]


@asynccontextmanager
async def listener(
    site: Site, query: str = "", *, last: str | None = None, token: str = TOKEN
) -> AsyncIterator[Listener]:
    """Read the stream for the length of the block; it is listening when it begins."""
    headers = {"Authorization": f"Bearer {token}"}
    if last is not None:
        headers["Last-Event-ID"] = last
    url = f"{site.url}/api/v1/events?{query}"
    async with site.session.get(url, headers=headers) as response:
        assert 200 == response.status, await response.read()
        yield Listener(response)
