"""The database is slow, silent or gone for a while: nothing promised is lost."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from random import Random

import aiohttp
import pytest

from pushserver.client import Client
from tests.e2e.faulty import Network, database_away
from tests.e2e.traffic import Traffic, check
from tests.program import Program
from tests.web.site import until

pytestmark = pytest.mark.only_on("postgres")
#: Makes the network fail, and mends it.
Fault = Callable[[Network], Awaitable[None]]


async def latency(network: Network) -> None:
    """Everything takes longer."""
    network.latency = 0.1
    await asyncio.sleep(3)
    network.latency = 0.0


async def reset(network: Network) -> None:
    """Connections break off, again and again."""
    for _ in range(5):
        network.reset()
        await asyncio.sleep(0.3)


async def half_open(network: Network) -> None:
    """Connections are gone at their far end alone."""
    network.half_open()
    await asyncio.sleep(1)


async def blackhole(network: Network) -> None:
    """Nothing arrives any more, for longer than anybody waits."""
    network.open.clear()
    await asyncio.sleep(8)
    network.open.set()


async def restart(network: Network) -> None:
    """The database is started anew."""
    with database_away(network.database):
        await asyncio.sleep(2)


async def is_ready(session: aiohttp.ClientSession, program: Program) -> bool:
    """Tell whether a server says that it can work."""
    async with session.get(f"{program.url}/readyz") as answer:
        return answer.status == 200


@pytest.mark.parametrize("fault", [latency, reset, half_open, blackhole, restart])
async def test_nothing_lost(tmp_path: Path, database: str, fault: Fault) -> None:
    """
    What two servers acknowledged stays true, nothing is handed out twice that may be
    handed out once, and they heal by themselves.
    """
    connector = aiohttp.TCPConnector(limit=100)
    patience = aiohttp.ClientTimeout(40)
    async with (
        Network.to(database) as network,
        aiohttp.ClientSession(connector=connector, timeout=patience) as session,
    ):
        programs = [Program(tmp_path / name, network.url) for name in ("a", "b")]
        try:
            for program in programs:
                program.folder.mkdir()
                await asyncio.to_thread(program.start, grace=0.5)
            rng = Random(1)  # noqa: S311 - it must repeat
            traffic = Traffic(programs, session, rng)
            running = asyncio.create_task(traffic.run(2))
            await until(lambda: len(traffic.answered) > 5)
            await fault(network)
            for program in programs:
                await until(partial(is_ready, session, program), within=15)
            so_far = len(traffic.answered)
            await until(lambda: len(traffic.answered) > so_far, within=30)
            traffic.stop.set()
            await running
            async with Client(programs[0].url, programs[0].token) as api:
                commands = await traffic.drained(api)
        finally:
            for program in programs:
                await asyncio.to_thread(program.kill)

    check(traffic, commands)
    assert {200} == {s for (kind, s) in traffic.statuses if kind == "push"}
    assert {200, 503} >= {s for (kind, s) in traffic.statuses if kind == "result"}
    assert {200, 201, 503} >= {s for k, s in traffic.statuses if k == "commands"}
