"""Servers restarted again and again under traffic: nothing is lost or done twice."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import aiohttp
import pytest

from pushserver.client import Client
from tests.e2e.test_systemd import ACTIVATE
from tests.e2e.traffic import Traffic, check_promises
from tests.program import Program

pytestmark = pytest.mark.proof

#: 20 devices, each of which polls ten times a second.
DEVICES = range(101, 121)
#: Two programs, each of which enqueues ten times a second.
PROGRAMS, PAUSE = 2, 0.1
RESTARTS = 4
#: Seconds of traffic before each of them.
BETWEEN = 3.0


def traffic_over(servers: list[Program], session: aiohttp.ClientSession) -> Traffic:
    """Return up to 200 polls and 20 commands a second over these servers."""
    return Traffic(servers, session, Random(1), DEVICES, PAUSE)  # noqa: S311


@asynccontextmanager
async def running(traffic: Traffic) -> AsyncIterator[None]:
    """Let programs and devices loose during the block."""
    task = asyncio.create_task(traffic.run(PROGRAMS))
    try:
        yield
    finally:
        await asyncio.sleep(BETWEEN)
        traffic.stop.set()
        await task


async def check(traffic: Traffic) -> None:
    """Check that all that was promised was kept, and that there was enough of it."""
    server = traffic.servers[0]
    async with Client(server.url, server.token) as api:
        commands = await traffic.drain(api)

    check_promises(traffic, commands)
    assert {"SUCCESSFUL"} == {each["state"] for each in commands.values()}
    assert len(commands) == len(traffic.enqueued) > 100
    assert 1 == max(traffic.received.values())


@pytest.fixture(name="activated")
def _activated(program: Program) -> Iterator[Program]:
    """Return the program on a socket that outlives it."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        fd = listening.fileno()
        program.wrapper = [sys.executable, "-c", ACTIVATE, str(fd)]
        program.pass_fds = [fd]
        yield program


@pytest.mark.only_on("sqlite")
async def test_on_a_socket_that_stays(
    activated: Program, session: aiohttp.ClientSession
) -> None:
    """
    One server over SQLite, restarted on its socket: nobody is refused, and all is kept.
    """
    activated.start(port=1)
    traffic = traffic_over([activated], session)
    async with running(traffic):
        for _ in range(RESTARTS):
            await asyncio.sleep(BETWEEN)
            assert 0 == await asyncio.to_thread(activated.stop)
            await asyncio.to_thread(activated.start, port=1)

    await check(traffic)
    refused = [name for name in traffic.failures if "ClientConnector" in name]
    assert [] == refused
    assert {200, 201} == {status for _, status in traffic.statuses} - {503}


@pytest.mark.only_on("postgres")
async def test_one_after_the_other(
    database: str, tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    """
    Two servers over PostgreSQL, restarted in turns, keep all that each has promised.
    """
    servers = [Program(tmp_path / name, database) for name in ("one", "two")]
    try:
        for each in servers:
            each.folder.mkdir()
            await asyncio.to_thread(each.start)
        traffic = traffic_over(servers, session)
        async with running(traffic):
            for number in range(RESTARTS):
                await asyncio.sleep(BETWEEN)
                server = servers[number % 2]
                assert 0 == await asyncio.to_thread(server.stop)
                await asyncio.to_thread(server.start)
        await check(traffic)
    finally:
        for each in servers:
            each.kill()
    assert {200, 201} == {status for _, status in traffic.statuses} - {503}
