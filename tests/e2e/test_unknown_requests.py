"""What the real program says to those who call what is not there."""

import aiohttp
import pytest

from pushserver.client import Client
from tests.e2e.conftest import DEVICE, MakeDevice
from tests.e2e.raw_connection import connect
from tests.program import Program

ME = f"device_id={DEVICE}"


@pytest.mark.proof_on("postgres")
async def test_online_mode(
    server: Program,
    api: Client,
    session: aiohttp.ClientSession,
    device_of: MakeDevice,
) -> None:
    """
    A terminal in online mode gets 404 to each question, and its commands all the same;
    its Monitor is acknowledged.
    """
    await api.commands.enqueue(str(DEVICE), {"endpoint": "load_objects"})
    answers = []
    for path in ("/device_is_alive.fcgi", "/new_card.fcgi", "/api/notifications/door"):
        async with session.post(f"{server.url}{path}?{ME}", data=b"{}") as answer:
            answers.append((answer.status, await answer.read()))
    command = await device_of(server).poll()

    assert [(404, b""), (404, b""), (200, b"")] == answers
    calls = (await api.devices.get(str(DEVICE)))["unknownCalls"]
    assert 3 == calls["count"]
    assert command is not None


@pytest.mark.only_on("sqlite")
async def test_not_http(program: Program) -> None:
    """
    What is not HTTP is no error of the server: at `info`, its log has nothing of it.
    """
    program.start()
    for text in (b"GET /push HTTP/1.1\r\n\r\n", b"secret\r\n\r\n", b"\x16\x03\x01\0"):
        async with connect(program) as (reader, writer):
            writer.write(text + b"\r\n\r\n")
            answer = await reader.read()
            assert b"application/problem+json" in answer
            assert b"Server:" not in answer
    program.stop()

    lines = program.log.read_text()
    assert "unparsable" not in lines
    assert "error" not in lines
