"""Clients that close their side once they have asked, and read on, get an answer."""

import asyncio

import pytest

from tests.web.local_server import DEVICE, TOKEN, LocalServer, wait_until

QUERY = f"deviceId={DEVICE}"
POLL = f"GET /push?{QUERY} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
RESULT = (
    f"POST /result?{QUERY} HTTP/1.1\r\nHost: x\r\n"
    'Content-Length: 15\r\n\r\n{"response":{}}'
).encode()
ENQUEUE = (
    f"POST /api/v1/devices/{DEVICE}/commands HTTP/1.1\r\nHost: x\r\n"
    f"Authorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n"
    'Content-Length: 27\r\n\r\n{"endpoint":"load_objects"}'
).encode()


async def ask_and_end(server: LocalServer, request: bytes) -> bytes:
    """Send a request, close our side, and return all that is answered."""
    async with server.connect() as (reader, writer), asyncio.timeout(15):
        writer.write(request)
        writer.write_eof()
        return await reader.read()


@pytest.mark.parametrize("hold", [0, 60])
async def test_command(server: LocalServer, hold: int) -> None:
    """
    A poll gets the command that waits, every time, be polls held or not.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {"hold": hold})
    for _ in range(30):
        await server.enqueue()
        assert b'"endpoint":"load_objects"' in await ask_and_end(server, POLL)
        assert b"HTTP/1.1 200 OK\r\n" in await ask_and_end(server, RESULT)

    commands = (await server.api("GET", "/commands?state=SUCCESSFUL")).json()
    assert 30 == len(commands["items"])


async def test_nothing_to_do(server: LocalServer) -> None:
    """
    A poll that ends its side is answered at once, where others are held.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {"hold": 60})

    assert (await ask_and_end(server, POLL)).startswith(b"HTTP/1.1 200 OK\r\n")


async def test_end_while_held(server: LocalServer) -> None:
    """
    A held poll is answered empty when its side ends, and counts as hung up.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {"hold": 60})
    async with server.connect() as (reader, writer), asyncio.timeout(15):
        writer.write(POLL)
        await server.wait_for_held_polls(1)
        writer.write_eof()
        answer = await reader.read()
    await server.enqueue()

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\n")
    device = server.services.devices.find_in_any_scope(DEVICE)
    assert device is not None
    assert 1 == device.hang_up_count
    assert not (await server.poll()).is_empty


async def test_program(server: LocalServer) -> None:
    """
    What a program enqueued so is acknowledged.
    """
    assert (await ask_and_end(server, ENQUEUE)).startswith(b"HTTP/1.1 201 ")


async def test_several_at_once(server: LocalServer) -> None:
    """
    All that was asked before the end is answered, and then the connection closes.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})

    answer = await ask_and_end(server, POLL * 200)

    assert 200 == answer.count(b"HTTP/1.1 200 OK\r\n")


async def test_unfinished_body(server: LocalServer) -> None:
    """
    A body whose end will not come is 400, and what came of it is kept.
    """
    await server.enqueue()
    await server.poll(QUERY)

    answer = await ask_and_end(server, RESULT.replace(b"15", b"99"))

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert [True] == [each["incomplete"] for each in await server.list_results()]


async def test_end_of_an_idle_connection(server: LocalServer) -> None:
    """
    Where nothing was asked, the connection just closes.
    """
    assert b"" == await ask_and_end(server, b"")


async def test_stream(server: LocalServer) -> None:
    """
    A stream of events ends with its reader's side, as it would go on for ever.
    """
    request = (
        "GET /api/v1/events HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {TOKEN}\r\n\r\n"
    )
    async with server.connect() as (reader, writer), asyncio.timeout(15):
        writer.write(request.encode())
        await reader.readuntil(b": listening")
        writer.write_eof()
        await reader.read()
    interest = server.services.event_interest

    await wait_until(lambda: not interest._streams)
