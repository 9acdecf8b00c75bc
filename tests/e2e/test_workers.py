"""Several processes on one port: started, replaced and stopped together."""

import asyncio
import os
import re
import signal
from pathlib import Path

import aiohttp
import pytest

from pushserver.client import Client
from tests.e2e.conftest import DEVICE
from tests.program import Program
from tests.web.local_server import wait_until

pytestmark = pytest.mark.only_on("postgres")
ME = str(DEVICE)


async def listening(program: Program, times: int) -> list[int]:
    """Wait until processes have started to listen so often; return their ids."""
    await wait_until(
        lambda: len(program.log_lines("process.listens")) >= times, within=30
    )
    return [line["pid"] for line in program.log_lines("process.listens")]


async def polls(program: Program, stop: asyncio.Event) -> list[tuple[int, bytes]]:
    """Poll, each time over a new connection, until *stop*; return the answers."""
    answers = []
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        while not stop.is_set():
            url = f"{program.url}/push?deviceId={ME}"
            async with session.get(url) as answer:
                answers.append((answer.status, await answer.read()))
            await asyncio.sleep(0.05)
    return answers


async def test_together(program: Program) -> None:
    """
    All of them listen and serve, and SIGTERM ends all of them in order. Whichever a
    scrape reaches, it has the numbers of all of them.
    """
    program.start(workers=2)
    pids = await listening(program, 2)
    async with Client(program.url, program.token) as api:
        await api.devices.put(ME)
        command = await api.commands.enqueue(ME, {"endpoint": "load_objects"})

    async def is_scraped() -> bool:
        return {"0", "1"} == await scraped(program)

    await wait_until(is_scraped, within=30)
    assert 2 == len(set(pids))
    assert "PENDING" == command["state"]
    assert 0 == await asyncio.to_thread(program.stop)
    assert 2 == len(program.log_lines("server.stopped"))


async def scraped(program: Program) -> set[str]:
    """Return the processes of which a scrape has numbers."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{program.url}/metrics") as answer,
    ):
        page = await answer.text()
    return set(re.findall(r'pushserver_leader{worker="(\d+)"}', page))


async def test_stopped_while_they_start(program: Program) -> None:
    """
    Stopped when only the first one listens, they end as well.
    """
    process = program.spawn(workers=3)
    try:
        await listening(program, 1)
    finally:
        process.terminate()

    assert 0 == await asyncio.to_thread(process.wait, 60)


async def test_one_that_dies(program: Program) -> None:
    """
    A process that is killed is replaced; the others go on meanwhile.
    """
    program.start(workers=2)
    pids, stop = await listening(program, 2), asyncio.Event()
    os.kill(pids[0], signal.SIGKILL)
    polling = asyncio.create_task(polls(program, stop))
    later = await listening(program, 3)
    stop.set()

    assert {(200, b"")} == set(await polling)
    assert 3 == len(set(later))
    assert 0 == await asyncio.to_thread(program.stop)


async def test_keeper_killed(program: Program) -> None:
    """
    When the process that looks after them is killed, they stop, too: the port is free.
    """
    program.start(workers=2)
    await listening(program, 2)
    program.kill()
    await wait_until(lambda: len(program.log_lines("server.stopped")) == 2, within=30)

    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(f"{program.url}/push?deviceId={ME}")


async def test_exchanged(program: Program) -> None:
    """
    SIGHUP exchanges them one after the other, and no device notices.
    """
    program.start(workers=2)
    before, stop = await listening(program, 2), asyncio.Event()
    polling = [asyncio.create_task(polls(program, stop)) for _ in range(8)]
    program.send(signal.SIGHUP)
    after = (await listening(program, 4))[2:]
    stop.set()
    answers = [answer for each in polling for answer in await each]

    assert {(200, b"")} == set(answers)
    assert not set(before) & set(after)
    assert 0 == await asyncio.to_thread(program.stop)


@pytest.mark.proof
async def test_exchanged_while_they_start(program: Program) -> None:
    """
    SIGHUP before they listen lets them begin first, and exchanges them then.
    """
    process = program.spawn(workers=2)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    await wait_until(lambda: bool(children.read_text()), within=30)
    process.send_signal(signal.SIGHUP)
    try:
        pids = await listening(program, 4)
    finally:
        process.terminate()

    assert 4 == len(set(pids))
    assert 0 == await asyncio.to_thread(process.wait, 60)


def test_misconfigured(program: Program) -> None:
    """
    An error that prevents the start is printed once, and the exit code is 1.
    """
    nowhere = "postgresql:///x?host=/nowhere"
    code = program.run(workers=4, database=nowhere)
    (line,) = program.log.read_text().splitlines()

    assert 1 == code
    assert "Cannot open the database" in line
