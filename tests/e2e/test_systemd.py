"""As systemd runs it: on a socket that is handed over, and telling how it stands."""

import asyncio
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.conftest import DEVICE
from tests.notified import Notified, notified_at
from tests.program import Program

#: Starts what follows as systemd does: the socket is file 3, and for this process.
ACTIVATE = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.argv[2], sys.argv[2:])
"""


@pytest.fixture(name="listening")
def _listening() -> Iterator[socket.socket]:
    """Return the socket of the socket unit."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        yield listening


@pytest.fixture(name="manager")
def _manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Notified]:
    """Return the manager, of which the program is told."""
    path = str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", path)
    monkeypatch.setenv("WATCHDOG_USEC", "300000")
    with notified_at(path) as manager:
        yield manager


@pytest.fixture(name="activated")
def _activated(program: Program, listening: socket.socket) -> Program:
    """Return the program, as it will be handed the socket."""
    fd = listening.fileno()
    program.wrapper = [sys.executable, "-c", ACTIVATE, str(fd)]
    program.pass_fds = [fd]
    return program


async def one_poll(url: str) -> int:
    """Poll over a new connection; return the status."""
    connector = aiohttp.TCPConnector(force_close=True)
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.get(f"{url}/push?deviceId={DEVICE}") as answer,
    ):
        return answer.status


@pytest.mark.only_on("sqlite")
async def test_a_restart(
    activated: Program, manager: Notified, listening: socket.socket
) -> None:
    """
    The manager hears that it serves, lives and stops; and over a restart, on a socket
    that stays open, each connection gets its answer.
    """
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    activated.start(port=1)
    started = await asyncio.to_thread(manager.until, b"WATCHDOG=1")
    statuses, stop = [], asyncio.Event()

    async def poll() -> None:
        while not stop.is_set():
            statuses.append(await one_poll(url))
            await asyncio.sleep(0.01)

    polling = [asyncio.create_task(poll()) for _ in range(8)]
    code = await asyncio.to_thread(activated.stop)
    stopped = await asyncio.to_thread(manager.until, b"STOPPING=1")
    # Whoever connects now waits.
    waiting = [asyncio.create_task(one_poll(url)) for _ in range(20)]
    await asyncio.to_thread(activated.start, port=1)
    restarted = await asyncio.to_thread(manager.until, b"READY=1")
    stop.set()
    await asyncio.gather(*polling)

    assert (url, 0) == (activated.url, code)
    assert b"WATCHDOG=1" in started | stopped
    assert any(f"STATUS=Serves at {url}.".encode() in each for each in restarted)
    assert {200} == {*statuses, *await asyncio.gather(*waiting)}


@pytest.mark.only_on("sqlite")
def test_an_address_for_everybody(program: Program) -> None:
    """
    The socket's own address counts: at one beyond loopback keys have to be decided on.
    """
    with socket.create_server(("0.0.0.0", 0)) as listening:  # noqa: S104
        program.wrapper = [sys.executable, "-c", ACTIVATE, str(listening.fileno())]
        program.pass_fds = [listening.fileno()]

        assert 1 == program.run()
    assert "HOST 0.0.0.0 is reachable from other machines" in program.log.read_text()
    assert not program.file.exists()


@pytest.mark.only_on("postgres")
async def test_several_processes(activated: Program, manager: Notified) -> None:
    """
    With WORKERS the one that supervises them speaks, and the others are silent.
    """
    hearing = asyncio.create_task(asyncio.to_thread(manager.until, b"READY=1"))
    await asyncio.to_thread(activated.start, workers=2)
    await hearing
    hearing = asyncio.create_task(asyncio.to_thread(manager.until, b"STOPPING=1"))
    code = await asyncio.to_thread(activated.stop)
    await hearing

    assert 0 == code
    assert manager.rest() <= {b"WATCHDOG=1"}
