"""Bodies that come by and by, and too slowly."""

import asyncio

import pytest

from pushserver.web import body
from tests.web.local_server import DEVICE, TOKEN, LocalServer

BODY = b'{"name": "gate"}'
HEAD = f"HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BODY)}\r\n"
CALL = (
    f"PUT /api/v1/devices/{DEVICE} {HEAD}Authorization: Bearer {TOKEN}\r\n"
    "Content-Type: application/json\r\n"
)


async def status_of(server: LocalServer, head: str) -> bytes:
    """Send the head of a request, and its body byte by byte; return the status."""
    async with server.connect() as (reader, writer), asyncio.timeout(15):
        writer.write(f"{head}Expect: 100-continue\r\n\r\n".encode())
        await reader.readuntil(b"100 Continue\r\n\r\n")
        for place in range(len(BODY)):
            writer.write(BODY[place : place + 1])
            await writer.drain()
            await server.api("GET", "/devices")
        return (await reader.readline()).split()[1]


@pytest.mark.parametrize(("pace", "status"), [(0.01, b"201"), (1e9, b"408")])
async def test_a_call(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch, pace: float, status: bytes
) -> None:
    """
    A call is served whose body comes byte by byte, but not below the least pace.
    """
    monkeypatch.setattr(body, "BODY_TIMEOUT", 0.0)
    monkeypatch.setattr(body, "LEAST_PACE", pace)

    assert status == await status_of(server, CALL)


@pytest.mark.parametrize(("pace", "status"), [(0.01, b"200"), (1e9, b"408")])
async def test_a_result(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch, pace: float, status: bytes
) -> None:
    """
    Nor may a device's result come more slowly.
    """
    monkeypatch.setattr(body, "BODY_TIMEOUT", 0.0)
    monkeypatch.setattr(body, "LEAST_PACE", pace)
    await server.enqueue()
    await server.poll(f"deviceId={DEVICE}&uuid=u1")

    head = f"POST /result?deviceId={DEVICE}&uuid=u1 {HEAD}"
    assert status == await status_of(server, head)
