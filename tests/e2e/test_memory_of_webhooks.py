"""Webhooks take little memory, however long their events are and who takes them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import attrs
import pytest

from pushserver.client import Client
from tests.e2e.conftest import DEVICE
from tests.e2e.test_memory import ME, MEBIBYTE, at_most, poll
from tests.program import Program

pytestmark = pytest.mark.proof_on("postgres")
SETTINGS = {"webhook_allow_http": "true", "webhook_allow_networks": "127.0.0.0/8"}
#: So much may be taken above rest, most of it for orders and their garbage: without
#: subscriptions, too, some 40 MiB of it. It was 311 MiB.
BOUND = 120 * MEBIBYTE
#: Each subscription is told of services with 12 MiB in all.
SUBSCRIPTIONS, WRITES, PROPERTIES = 20, 50, 60


@attrs.define
class Stalling:
    """A receiver that takes nothing until it has `left`; `reached` counts requests."""

    url: str = ""
    left: asyncio.Event = attrs.field(factory=asyncio.Event)
    reached: asyncio.Semaphore = attrs.field(factory=lambda: asyncio.Semaphore(0))

    async def take(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Take the head of a request, and nothing more."""
        await reader.readuntil(b"\r\n\r\n")
        self.reached.release()
        await self.left.wait()
        writer.close()


@asynccontextmanager
async def stalling_receiver() -> AsyncIterator[Stalling]:
    """Run a receiver that takes nothing."""
    receiver = Stalling()
    server = await asyncio.start_server(receiver.take, "127.0.0.1", 0, limit=4096)
    host, port = server.sockets[0].getsockname()
    receiver.url = f"http://{host}:{port}/hook"
    async with server:
        yield receiver
        receiver.left.set()


async def write_service(
    program: Program, api: Client, session: aiohttp.ClientSession, number: int
) -> None:
    """Have a device take as many properties as there may be."""
    properties = {f"p{n}": f"{number}".ljust(4000, "v") for n in range(PROPERTIES)}
    await api.shadows.update_desired(ME, {"ntp": properties})
    assert await poll(program, session, DEVICE)
    url = f"{program.url}/result?deviceId={DEVICE}"
    async with session.post(url, data=b'{"response":{}}') as answer:
        assert 200 == answer.status


async def test_long_events(program: Program, session: aiohttp.ClientSession) -> None:
    """
    Long events wait in the store, not in memory, for receivers that take nothing.
    """
    program.start(**SETTINGS)
    async with (
        stalling_receiver() as receiver,
        Client(program.url, program.token) as api,
    ):
        await api.devices.put(ME)
        for number in range(SUBSCRIPTIONS):
            await api.subscriptions.create(f"{receiver.url}/{number}", ["shadow.*"])
        await write_service(program, api, session, 0)
        with at_most(program, BOUND):
            for number in range(1, WRITES):
                await write_service(program, api, session, number)
            for _ in range(SUBSCRIPTIONS):
                await receiver.reached.acquire()
