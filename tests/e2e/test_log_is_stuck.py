"""Nobody reads the log, or its disk is full: the server does its work all the same."""

import asyncio
import os
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from pathlib import Path

import aiohttp
import pytest

from pushserver.client import Client
from tests.program import Program
from tests.web.local_server import wait_until

pytestmark = pytest.mark.only_on("sqlite")

#: Opens where the log goes to, for the length of a block.
OpenLog = Callable[[], AbstractContextManager[int]]


@contextmanager
def unread_pipe() -> Iterator[int]:
    """Open a pipe of which nobody reads."""
    reader, writer = os.pipe()
    try:
        yield writer
    finally:
        os.close(reader)
        os.close(writer)


@contextmanager
def closed_pipe() -> Iterator[int]:
    """Open a pipe whose reader has ended."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        yield writer
    finally:
        os.close(writer)


@contextmanager
def full_disk() -> Iterator[int]:
    """Open a file on a disk that is full."""
    with Path("/dev/full").open("w") as file:
        yield file.fileno()


@asynccontextmanager
async def served(program: Program, log: int, **settings: object) -> AsyncIterator[str]:
    """Let the program serve with this log; stop it, which it does with success."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program.stderr = log
    process = program.spawn(port=port, **settings)
    url = f"http://127.0.0.1:{port}"
    try:
        await wait_until(lambda: is_listening(port), within=20)
        yield url
        process.send_signal(signal.SIGTERM)
        assert 0 == await asyncio.to_thread(process.wait, 30)
    finally:
        process.kill()
        process.wait()


def is_listening(port: int) -> bool:
    """Tell whether somebody listens on the port."""
    with socket.socket() as each:
        return each.connect_ex(("127.0.0.1", port)) == 0


async def test_no_standard_files(program: Program) -> None:
    """
    Started without standard input, output and error, it serves all the same.
    """
    program.wrapper = ("sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh")
    async with (
        served(program, subprocess.DEVNULL) as url,
        aiohttp.ClientSession() as session,
        session.get(url + "/readyz") as answer,
    ):
        assert 200 == answer.status


@pytest.mark.parametrize("open_log", [unread_pipe, closed_pipe, full_disk])
async def test_nobody_notices(program: Program, open_log: OpenLog) -> None:
    """
    Far more lines than fit, and strangers: every request is answered, and it stops.
    """
    with open_log() as log:
        async with served(program, log, log_level="debug") as url:
            async with aiohttp.ClientSession() as session, asyncio.timeout(60):
                for number in range(1500):
                    path = f"/push?deviceId={number % 50}&x={'y' * 200}"
                    async with session.get(url + path) as answer:
                        assert 200 == answer.status
                async with session.get(url + "/api/v1/devices") as answer:
                    assert 401 == answer.status
                async with session.get(url + "/healthz") as answer:
                    assert b"ok\n" == await answer.read()
            async with Client(url, program.token, retry_for=0) as api:
                await api.devices.put("60")
                command = await api.commands.enqueue("60", {"endpoint": "x"})
                assert "PENDING" == command["state"]
                assert {} == (await api.status())["failingWorkers"]
