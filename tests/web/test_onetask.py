"""One task for all requests of a connection: what stands between two of them."""

import asyncio

import pytest

from pushserver.web import onetask
from tests.web.site import DEVICE, Site

REFUSED = (
    f"POST /api/v1/devices/{DEVICE}/commands HTTP/1.1\r\nHost: x\r\n"
    "Content-Length: 300000\r\n\r\n"
).encode()
POLL = f"GET /push?deviceId={DEVICE} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


async def test_unwanted_body(site: Site) -> None:
    """The rest of a body that nobody wanted is read, and the next request answered."""
    await site.api("PUT", f"/devices/{DEVICE}", {})
    async with site.line() as (reader, writer), asyncio.timeout(10):
        writer.write(REFUSED)
        refused = await reader.readline()
        writer.write(bytes(300_000) + POLL)
        rest = await reader.readuntil(b"Content-Length: 0\r\n")

    assert b"HTTP/1.1 401 Unauthorized\r\n" == refused
    assert b"HTTP/1.1 200 OK\r\n" in rest


async def test_unwanted_body_stays_away(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection ends on which the rest of an unwanted body does not come."""
    monkeypatch.setattr(onetask, "LINGER", 0.01)

    answer = await site.raw(REFUSED + b"x")

    assert answer.startswith(b"HTTP/1.1 401 Unauthorized\r\n")


async def test_no_http(site: Site) -> None:
    """What is no HTTP is answered after what came before it, and ends a connection."""
    await site.api("PUT", f"/devices/{DEVICE}", {})

    async with site.line() as (reader, writer), asyncio.timeout(10):
        writer.write(POLL)
        polled = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"what?\r\n\r\n")
        refused = await reader.read()

    assert polled.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b" 400 Bad Request\r\n" in refused
