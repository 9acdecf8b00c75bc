"""What comes by a trusted proxy takes the lane, and is its client's there, too."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.clock import ManualClock
from tests.web.fast_lane.test_bounds import ENQUEUE, POLL, RESULT
from tests.web.local_server import DEVICE, LocalServer, running_server

PROXY, STRANGER = "127.0.0.1", "127.0.0.2"
CLIENTS = ["198.51.100.7", "198.51.100.8"]


def passed_on(request: str, client: str = CLIENTS[0], headers: str = "") -> bytes:
    """Return a request as a proxy passes it on."""
    head = f"Host: x\r\nX-Forwarded-For: {client}\r\n{headers}"
    return request.replace("Host: x\r\n", head).encode()


@pytest.fixture(name="proxied_server")
async def _proxied_server(
    database: str, clock: ManualClock
) -> AsyncIterator[LocalServer]:
    """Return a server that trusts a proxy."""
    async with running_server(database, clock, trusted_proxies=PROXY) as server:
        yield server


async def ask(
    server: LocalServer, *requests: bytes, address: str = PROXY
) -> list[bytes]:
    """Return the heads of the answers to requests of one connection."""
    heads = []
    async with server.connect(address) as (reader, writer), asyncio.timeout(10):
        for request in requests:
            writer.write(request)
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            length = int(heads[-1].partition(b"Content-Length: ")[2].split(b"\r")[0])
            await reader.readexactly(length)
    return heads


async def test_cycle(proxied_server: LocalServer, handed_over: bytearray) -> None:
    """
    Once it is known where a device is, nothing of its is aiohttp's; what is made is
    found below the proxy's prefix, and was made by the client.
    """
    await proxied_server.api("PUT", f"/devices/{DEVICE}", {})
    await ask(proxied_server, passed_on(POLL))
    handed_over.clear()
    enqueue = passed_on(ENQUEUE, CLIENTS[1], "X-Forwarded-Prefix: /doors\r\n")
    heads = await ask(
        proxied_server, enqueue, passed_on(POLL), passed_on(RESULT), passed_on(POLL)
    )

    assert b"" == handed_over
    assert b"\r\nLocation: /doors/api/v1/commands/" in heads[0]
    (entry,) = (await proxied_server.api("GET", "/audit?action=command.create")).json()[
        "items"
    ]
    assert CLIENTS[1] == entry["address"]
    assert CLIENTS[0] == (await proxied_server.get_device())["address"]


async def test_same_bytes_from_elsewhere(proxied_server: LocalServer) -> None:
    """
    What a proxy has passed on is its client's; the same bytes from a stranger are the
    stranger's, as often as they change places.
    """
    await proxied_server.api("PUT", f"/devices/{DEVICE}", {})
    for sender, client, times, seen in [
        (PROXY, CLIENTS[0], 3, CLIENTS[0]),
        (STRANGER, CLIENTS[0], 1, STRANGER),
        (PROXY, CLIENTS[0], 1, CLIENTS[0]),
        (PROXY, CLIENTS[1], 3, CLIENTS[1]),
        (PROXY, CLIENTS[0], 1, CLIENTS[0]),
        (STRANGER, CLIENTS[1], 3, STRANGER),
        (PROXY, CLIENTS[1], 1, CLIENTS[1]),
    ]:
        polls = [passed_on(POLL, client)] * times
        await ask(proxied_server, *polls, address=sender)

        assert seen == (await proxied_server.get_device())["address"]


async def test_bounded_by_client(
    database: str, clock: ManualClock, handed_over: bytearray
) -> None:
    """
    Where a client's requests are bounded, those by a proxy are counted while they are
    under way: none of them is the lane's.
    """
    async with running_server(
        database, clock, trusted_proxies=PROXY, connections_per_address=1
    ) as server:
        await server.api("PUT", f"/devices/{DEVICE}", {})
        await ask(server, passed_on(POLL))
        handed_over.clear()
        await ask(server, *[passed_on(POLL)] * 3)

    assert passed_on(POLL) * 3 == handed_over
